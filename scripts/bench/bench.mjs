// pnpm bench [NAME…] [--json FILE]: measures, prints a table, and writes the rows. Only ratios are compared with goals:
// two things measured in turns, on the same machine in the same run. Build first.
import { readdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";

const benches = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".bench.mjs"))
  .map((file) => file.replace(".bench.mjs", ""));

function readArguments() {
  const { values, positionals } = parseArgs({ options: { json: { type: "string" } }, allowPositionals: true });
  const unknown = positionals.filter((name) => !benches.includes(name));
  if (unknown.length > 0) throw new Error(`no such benchmark: ${unknown.join(", ")}; there are ${benches.join(", ")}`);
  return { names: positionals.length === 0 ? benches : positionals, json: values.json };
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

const { names, json } = (() => {
  try {
    return readArguments();
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
})();
console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0].model}`);
const rows = [];
for (const name of names) {
  const { run } = await import(`./${name}.bench.mjs`);
  rows.push(...(await run()));
}
printTable(rows);
if (json !== undefined) writeFileSync(json, `${JSON.stringify(rows, undefined, 2)}\n`);
process.exit(rows.some(({ met }) => met === false) ? 1 : 0);
