// What the documentation shows of a run: a table, and plots of how far each row is beyond its gate.
import { cpus, release, totalmem } from "node:os";
import { reasons } from "./reasons.mjs";

/** Times are the better the shorter; of rates and their ratios more is better. */
const isCost = ({ unit, ratio }) => !unit.endsWith("/s") && (ratio === null || ["µs", "ms", "s"].includes(unit));
const measured = ({ ratio, value }) => ratio ?? value;

/** How often over a row meets its gate: 1 is just met. */
export function headroom(row) {
  return isCost(row) ? row.goal / measured(row) : measured(row) / row.goal;
}

/** Where it was measured. */
export function environment() {
  const [{ model }, ...others] = cpus();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  return `Node ${process.version}, OpenSSL ${process.versions.openssl}, ${others.length + 1} × ${model.trim()}, ${gibibytes} GiB, ${process.platform} ${release()}`;
}

/** Three digits of a number; nothing for one that there is not. */
export const short = (value) => (value === null ? "" : Number(value.toPrecision(3)).toLocaleString("en"));
const sign = (row) => (isCost(row) ? "≤" : "≥");

/** All rows as a table in Markdown, in the order of their ids. */
export function markdownTable(rows) {
  const lines = rows.map((row) => [
    row.id,
    row.name,
    `${short(row.value)} ${row.unit}`,
    short(row.ratio),
    row.goal === null ? "" : `${sign(row)} ${row.goal}`,
    row.stretch === null ? "" : String(row.stretch),
    row.met ? "yes" : "**no**",
  ]);
  const head = ["id", "what", "value", "ratio", "gate", "stretch", "met"];
  const ruler = ["---", "---", "--:", "--:", "--:", "--:", "---"];
  return [head, ruler, ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Rows in the order of their ids, numbers in them counted as numbers. */
export function inOrder(rows) {
  return rows.toSorted((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));
}

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
const ROW = 22;
const LABEL = 520;
const WIDTH = 1000;

/** A plot of horizontal bars: `{label, value, text, color}`; a line at `mark` if it is given. */
export function barPlot(title, bars, mark) {
  const most = Math.max(...bars.map(({ value }) => value), mark ?? 0);
  const scale = (WIDTH - LABEL - 90) / most;
  const height = 50 + bars.length * ROW;
  const drawn = bars.map(({ label, value, text, color }, i) => {
    const y = 40 + i * ROW;
    const width = Math.max(1, value * scale).toFixed(1);
    return `  <text x="${LABEL - 8}" y="${y + 13}" text-anchor="end">${escaped(label)}</text>
  <rect x="${LABEL}" y="${y}" width="${width}" height="${ROW - 6}" fill="${color}"/>
  <text x="${LABEL + Number(width) + 6}" y="${y + 13}">${escaped(text)}</text>`;
  });
  const x = LABEL + (mark ?? 0) * scale;
  const line = mark === undefined ? "" : `  <line x1="${x}" x2="${x}" y1="30" y2="${height - 8}" stroke="#b00"/>\n`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">
  <rect width="100%" height="100%" fill="#fff"/>
  <text x="10" y="20" font-size="15">${escaped(title)}</text>
${drawn.join("\n")}
${line}</svg>
`;
}

const OURS = "#2b6cb0";
const THEIRS = "#a0aec0";

/** The plots of a run: name of the file → SVG. */
export function plots(rows) {
  const gated = rows.filter(({ goal }) => goal !== null);
  const gates = gated.map((row) => {
    const value = headroom(row);
    const label = `${row.id}  ${row.name}`.slice(0, 84);
    return { label, value: Math.min(value, 4), text: `${short(value)} ×`, color: row.met ? OURS : "#c05621" };
  });
  const files = { "gates.svg": barPlot("How far beyond its gate each goal is (the line; bars end at 4 ×)", gates, 1) };
  for (const unit of new Set(rows.map((row) => row.unit).filter((each) => each.endsWith("/s")))) {
    const bars = rows
      .filter((row) => row.unit === unit && row.base !== null)
      .flatMap(({ id, name, value, base }) => [
        { label: `${id}  ${name}`.slice(0, 84), value, text: short(value), color: OURS },
        { label: "÷", value: base, text: short(base), color: THEIRS },
      ]);
    if (bars.length > 0)
      files[`${unit.replace("/s", "")}.svg`] = barPlot(`${unit}: ours, and what it is compared with`, bars);
  }
  return files;
}

/** Whether a row stays behind its gate or its stretch goal. */
function isBehind(row) {
  const isAtStretch = isCost(row) ? measured(row) <= row.stretch : measured(row) >= row.stretch;
  return !row.met || (row.stretch !== null && !isAtStretch);
}

/** Why rows stay behind their goals, a paragraph for each reason that counts now. */
export function explanations(rows) {
  const behind = new Set(rows.filter(isBehind).map(({ id }) => id));
  return reasons
    .map(({ ids, text }) => ({ ids: ids.filter((id) => behind.has(id)), text }))
    .filter(({ ids }) => ids.length > 0)
    .map(({ ids, text }) => `**${ids.join(", ")}**: ${text}`)
    .join("\n\n");
}

/** The page that shows it all. */
export function page(rows, date) {
  const images = Object.keys(plots(rows)).map((file) => `![${file.replace(".svg", "")}](${file})`);
  return `# Benchmarks

Written by \`pnpm bench --docs\` on ${date}: ${environment()}.
All that is compared was measured in turns in the same run; a ratio is the median of the ratios of the rounds. Gates and
stretch goals are ratios where that is possible: what a machine does in a second says more of the machine. The load for the
servers comes from a process on the same cores, which takes its share.

${markdownTable(rows)}

## What stays behind its gate or its stretch goal, and why

As profiles showed it, in µs of one core of this machine.

${explanations(rows)}

## Plots

${images.join("\n\n")}
`;
}
