// pnpm bench [NAME…] [--json FILE] [--docs]: measures, prints a table, and writes the rows; with --docs also the table and
// the plots in docs/bench, where rows of other benchmarks stay as they are. Only ratios are compared with goals: two things
// measured in turns, on the same machine in the same run. Build first.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { environment, inOrder, page, plots, short } from "./report.mjs";

const benches = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".bench.mjs"))
  .map((file) => file.replace(".bench.mjs", ""));

function readArguments() {
  const options = { json: { type: "string" }, docs: { type: "boolean", default: false } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const unknown = positionals.filter((name) => !benches.includes(name));
  if (unknown.length > 0) throw new Error(`no such benchmark: ${unknown.join(", ")}; there are ${benches.join(", ")}`);
  return { names: positionals.length === 0 ? benches : positionals, json: values.json, docs: values.docs };
}

function printTable(rows) {
  const head = ["id", "what", "value", "unit", "÷ base", "goal", "met"];
  const lines = rows.map(({ id, name, value, unit, ratio, goal, met }) => [
    id,
    name,
    short(value),
    unit,
    short(ratio),
    goal === null ? "" : String(goal),
    met === null ? "" : met ? "yes" : "NO",
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => line[column].length)));
  for (const line of [head, ...lines]) console.log(line.map((cell, column) => cell.padEnd(widths[column])).join("  "));
}

function writeDocs(measured) {
  const folder = new URL("../../docs/bench/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  const file = (name) => fileURLToPath(new URL(name, folder));
  const before = existsSync(file("results.json")) ? JSON.parse(readFileSync(file("results.json"), "utf8")) : [];
  const isNew = ({ id }) => measured.some((row) => row.id === id);
  const all = inOrder([...before.filter((row) => !isNew(row)), ...measured]);
  writeFileSync(file("results.json"), `${JSON.stringify(all, undefined, 2)}\n`);
  writeFileSync(file("README.md"), page(all, new Date().toISOString().slice(0, 10)));
  for (const [name, svg] of Object.entries(plots(all))) writeFileSync(file(name), svg);
}

/** What one benchmark loads and leaves behind is not the next one's. */
function inItsOwnProcess(name) {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  const file = join(folder, "rows.json");
  try {
    const program = fileURLToPath(import.meta.url);
    const { status } = spawnSync(process.execPath, [program, name, "--json", file], { stdio: ["ignore", 2, 2] });
    if (!existsSync(file)) throw new Error(`the benchmark ${name} ended with ${status}`);
    return JSON.parse(readFileSync(file, "utf8"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const { names, json, docs } = (() => {
  try {
    return readArguments();
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
})();
console.log(environment());
const [name, ...others] = names;
const rows = others.length > 0 ? names.flatMap(inItsOwnProcess) : await (await import(`./${name}.bench.mjs`)).run();
printTable(rows);
if (docs) writeDocs(rows);
if (json !== undefined) writeFileSync(json, `${JSON.stringify(rows, undefined, 2)}\n`);
process.exit(rows.some(({ met }) => met === false) ? 1 : 0);
