#!/usr/bin/env node
// CommonJS on purpose: one bundled file starts in half the time of ES modules.
"use strict";
require("../dist/tokend.cjs");
