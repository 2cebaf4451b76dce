// Lets worker threads of the tests run TypeScript sources: `new Worker(new URL("./x.js", import.meta.url))` finds x.ts
// where there is no x.js. The test runner does the same for the main thread, but not for threads that our code starts.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { register } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMainThread, threadId } from "node:worker_threads";

const cache = fileURLToPath(new URL("../node_modules/.cache/ts-workers/", import.meta.url));

if (!isMainThread) register(import.meta.url);

export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, { ...context, conditions: ["@tokens/source", ...context.conditions] });
  } catch (error) {
    if (!/^(\.|file:)/.test(specifier) || !specifier.endsWith(".js")) throw error;
    return next(specifier.replace(/\.js$/, ".ts"), context);
  }
}

export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context);
  return { format: "module", shortCircuit: true, source: await javaScriptOf(readFileSync(fileURLToPath(url), "utf8")) };
}

/** Made once and kept for all threads. The process that esbuild would keep for a thread outlives it; so it keeps none. */
async function javaScriptOf(source) {
  const kept = join(cache, `${createHash("sha256").update(source).digest("hex")}.mjs`);
  try {
    return readFileSync(kept, "utf8");
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  process.env["ESBUILD_WORKER_THREADS"] = "0";
  const { transformSync } = await import("esbuild");
  const { code } = transformSync(source, { loader: "ts", format: "esm" });
  mkdirSync(cache, { recursive: true });
  const draft = `${kept}.${process.pid}.${threadId}`;
  writeFileSync(draft, code);
  renameSync(draft, kept);
  return code;
}
