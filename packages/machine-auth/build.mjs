// Puts what each entry point needs into few files: importing the package reads three instead of forty. Types stay as the
// compiler writes them; what two entry points share is shared, so that an error of one is an error of the other.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { build } from "esbuild";

const { exports } = JSON.parse(readFileSync("package.json", "utf8"));
const entryPoints = Object.values(exports).flatMap((entry) => entry["@tokens/source"] ?? []);

for (const name of readdirSync("dist")) if (/\.js(\.map)?$/.test(name)) rmSync(`dist/${name}`);
await build({
  entryPoints,
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  sourcemap: true,
});
