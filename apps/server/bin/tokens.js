#!/usr/bin/env node
// CommonJS on purpose: signatures are made in the thread pool, whose size counts only if it is set before any ES module
// is loaded. One thread per core is best.
"use strict";
process.env.UV_THREADPOOL_SIZE ??= String(require("node:os").availableParallelism());
import("../dist/main.js").then(
  ({ main }) => main(process.argv),
  (error) => {
    console.error(error.code === "ERR_MODULE_NOT_FOUND" ? `${error.message}\nBuild first: npm start` : error);
    process.exitCode = 3;
  },
);
