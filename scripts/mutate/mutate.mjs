// Changes the code that decides, one small thing at a time, and looks whether a test notices: pnpm mutate [PART…].
// What survives is explained in survivors.json, or it fails the run. Works on a copy: nothing here is touched.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parts } from "./parts.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) {
  console.error(`usage: pnpm mutate [PART…]\n  ${Object.keys(parts).join("\n  ")}`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), "mutate-"));
const copy = join(folder, "repository");
let failed = false;
try {
  const ignored = new Set(["node_modules", "dist", ".git", ".turbo"]);
  cpSync(root, copy, { recursive: true, filter: (path) => !ignored.has(basename(path)) });
  // Tests with bytes that LUCI made look for them beside the repository.
  const shared = join(root, "../shared");
  if (existsSync(shared)) symlinkSync(shared, join(folder, "shared"));
  run("pnpm", ["install", "--frozen-lockfile", "--prefer-offline", "--silent"]);
  const explained = JSON.parse(readFileSync(new URL("survivors.json", import.meta.url), "utf8"));
  for (const name of asked.length > 0 ? asked : Object.keys(parts)) {
    const survivors = mutate(name, parts[name]);
    failed = report(name, survivors, explained[name] ?? []) || failed;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);

function run(program, args, env = {}) {
  const { status } = spawnSync(program, args, { cwd: copy, stdio: "inherit", env: { ...process.env, ...env } });
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
}

/** Runs Stryker; returns what no test noticed. */
function mutate(name, { sources, tests }) {
  const settings = {
    testRunner: "vitest",
    vitest: { configFile: "scripts/mutate/vitest.config.ts", related: false },
    plugins: ["@stryker-mutator/vitest-runner"],
    mutate: sources.map((path) => `packages/${path}`),
    // Words for people are no decisions.
    mutator: { excludedMutations: ["StringLiteral"] },
    inPlace: true,
    coverageAnalysis: "perTest",
    concurrency: Number(process.env["TOKENS_MUTATE_WORKERS"] ?? 2),
    timeoutMS: 15_000,
    reporters: ["json", "progress-append-only"],
    jsonReporter: { fileName: `${name}.json` },
    allowConsoleColors: false,
  };
  const file = `${name}.stryker.json`;
  writeFileSync(join(copy, file), JSON.stringify(settings));
  const include = tests.map((path) => `packages/${path}`).join(" ");
  run("node_modules/.bin/stryker", ["run", file], { TOKENS_MUTATE_TESTS: include });
  const { files } = JSON.parse(readFileSync(join(copy, `${name}.json`), "utf8"));
  const mutants = Object.entries(files).flatMap(([path, { source, mutants: list }]) =>
    list.map((mutant) => ({ ...mutant, path, text: changeOf(source, mutant) })),
  );
  console.log(`${name}: ${mutants.length} changes, ${mutants.filter(isNoticed).length} noticed`);
  return mutants.filter((mutant) => !isNoticed(mutant) && mutant.status !== "Ignored");
}

function isNoticed({ status }) {
  return ["Killed", "Timeout", "RuntimeError", "CompileError"].includes(status);
}

/** What was there, and what stood in its place, on one line. */
function changeOf(source, { location: { start, end }, replacement }) {
  const lines = source.split("\n").slice(start.line - 1, end.line);
  lines[lines.length - 1] = lines.at(-1).slice(0, end.column - 1);
  lines[0] = lines[0].slice(start.column - 1);
  return [lines.join(" "), replacement].map((text) => text.replaceAll(/\s+/g, " ").trim()).join(" → ");
}

/** Says what is not explained, and which explanations explain nothing. Whether anything was said. */
function report(name, survivors, explanations) {
  const explained = explanations.flatMap(({ file, changes }) => changes.map((change) => ({ file, change })));
  const explains = ({ file, change }, { path, text }) => path.endsWith(`/${file}`) && text === change;
  const open = survivors.filter((mutant) => !explained.some((each) => explains(each, mutant)));
  const idle = explained.filter((each) => !survivors.some((mutant) => explains(each, mutant)));
  for (const { path, location, text } of open) console.log(`not noticed: ${path}:${location.start.line}: ${text}`);
  for (const { file, change } of idle) console.log(`explained, but noticed: ${file}: ${change}`);
  return open.length + idle.length > 0;
}
