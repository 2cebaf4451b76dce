import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const folder = fileURLToPath(new URL("../", import.meta.url));

/** How long a new process takes to import the built package, in milliseconds, and how many files it reads for that. */
function importCost(): number {
  if (!existsSync(`${folder}dist/index.js`)) throw new Error("build first: pnpm build");
  const code = "const b = performance.now(); await import('./dist/index.js'); console.log(performance.now() - b);";
  const { NODE_EXTRA_CA_CERTS: _none, ...env } = process.env;
  return Number(execFileSync(process.execPath, ["--input-type=module", "-e", code], { cwd: folder, env }));
}

it("costs little to install and to import", () => {
  const manifest = JSON.parse(readFileSync(`${folder}package.json`, "utf8")) as Record<string, object | undefined>;
  const closure = ["@tokens/machine-auth", ...Object.keys(manifest["dependencies"] ?? {})];
  const files = readdirSync(`${folder}dist`).filter((name) => name.endsWith(".js"));
  const bytes = files.reduce((sum, name) => sum + statSync(`${folder}dist/${name}`).size, 0);
  const costs = Array.from({ length: 5 }, importCost).toSorted((one, other) => one - other);
  console.log(`installed: ${closure.join(", ")}; ${files.length} files, ${Math.round(bytes / 1024)} KiB of JavaScript`);
  console.log(`import: ${costs.map((cost) => cost.toFixed(1)).join(", ")} ms`);
  expect(closure).toEqual(["@tokens/machine-auth"]);
  expect(files.length).toBeLessThan(30);
  expect(bytes).toBeLessThan(150 * 1024);
});
