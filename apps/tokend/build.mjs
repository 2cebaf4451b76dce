// Bundles the agent into one CommonJS file: cron starts it every few minutes on every machine, so that its start counts.
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const { outputFiles, metafile } = await build({
  entryPoints: ["src/main.ts"],
  outfile: "dist/tokend.cjs",
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  minify: true,
  write: false,
  metafile: true,
  // Node's loader of ES modules takes longer to start than all that it would load.
  supported: { "dynamic-import": false },
  // Strict once for the whole file, not once for each module.
  banner: { js: '"use strict";' },
  tsconfigRaw: { compilerOptions: { alwaysStrict: false } },
  // Native code, for the few that keep their key in a token: whoever does installs it beside.
  external: ["graphene-pk11"],
});

// esbuild calls imported functions as (0, module.name)(), which hides the module from them as `this`: Node's do not look.
// A source that says so itself, be it in a string, would be rewritten as well.
for (const path of Object.keys(metafile.inputs)) {
  if (/\(0,\s*[\w$]+\.[\w$]+\)\(/.test(readFileSync(path, "utf8"))) throw new Error(`${path} calls (0, name.name)()`);
}
const importedCall = /(?<![\w$])(return|await|throw|yield)?\(0,([\w$]+\.[\w$]+)\)\(/g;
const tidy = (code) => code.replace(importedCall, (_, word, name) => `${word ? `${word} ` : ""}${name}(`);
for (const { path, text } of outputFiles) writeFileSync(path, tidy(text));
