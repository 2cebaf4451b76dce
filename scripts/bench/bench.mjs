// pnpm bench [NAME…] [--json FILE] [--docs]: measures, prints a table, and writes the rows; with --docs also the table and
// the plots in docs/bench, where rows of other benchmarks stay as they are. Only ratios are compared with goals: two things
// measured in turns, on the same machine in the same run. Build first.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { environment, inOrder, page, plots } from "./report.mjs";

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

const short = (number) => (number === null ? "" : Number(number.toPrecision(3)).toLocaleString("en"));

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

const { names, json, docs } = (() => {
  try {
    return readArguments();
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
})();
console.log(environment());
const rows = [];
for (const name of names) {
  const { run } = await import(`./${name}.bench.mjs`);
  rows.push(...(await run()));
}
printTable(rows);
if (docs) writeDocs(rows);
if (json !== undefined) writeFileSync(json, `${JSON.stringify(rows, undefined, 2)}\n`);
process.exit(rows.some(({ met }) => met === false) ? 1 : 0);
