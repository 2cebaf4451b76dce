// Bundles the agent into one CommonJS file: cron starts it every few minutes on every machine, so that its start counts.
import { chmodSync } from "node:fs";
import { build } from "esbuild";

const options = {
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  outfile: "dist/tokend.cjs",
  // Node's loader of ES modules takes longer to start than all that it would load.
  supported: { "dynamic-import": false },
  // Native code, for the few that keep their key in a token: whoever does installs it beside.
  external: ["graphene-pk11"],
};
const { outputFiles } = await build({ ...options, entryPoints: ["src/main.ts"], write: false });

// Node's own modules are loaded when they are first used, not when the agent starts: a run that finds its token good
// needs next to none. What stood in a variable for each import is a getter of one object for each module.
const [{ text }] = outputFiles;
const required = /^var (\w+) = require\("node:([\w/]+)"\);$/gm;
const getterOf = (path) => `builtin_${path.replaceAll("/", "_")}`;
const imports = new Map(Array.from(text.matchAll(required), ([, name, path]) => [name, path]));
const getters = Array.from(
  new Set(imports.values()),
  (path) => `get ${getterOf(path)}() { return require("node:${path}"); }`,
);
const uses = new RegExp(`\\b(?:${[...imports.keys()].join("|")})\\b`, "g");
const contents = text.replaceAll(required, "").replaceAll(uses, (name) => `__node.${getterOf(imports.get(name))}`);
await build({
  ...options,
  stdin: { contents: `"use strict";\nconst __node = { ${getters.join(", ")} };\n${contents}` },
  minify: true,
  mangleProps: /^builtin_/,
  banner: { js: "#!/usr/bin/env node" },
});
chmodSync(options.outfile, 0o755);
