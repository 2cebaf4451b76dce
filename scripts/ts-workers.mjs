// Lets worker threads of the tests run TypeScript sources: `new Worker(new URL("./x.js", import.meta.url))` finds x.ts
// where there is no x.js. The test runner does the same for the main thread, but not for threads that our code starts.
import { readFileSync } from "node:fs";
import { register } from "node:module";
import { fileURLToPath } from "node:url";
import { isMainThread } from "node:worker_threads";

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
  const { transform } = await import("esbuild");
  const path = fileURLToPath(url);
  const { code } = await transform(readFileSync(path, "utf8"), { loader: "ts", format: "esm", sourcefile: path });
  return { format: "module", shortCircuit: true, source: code };
}
