// Runs the README's two commands on a machine that has only Node and npm: fetches the pinned pnpm through npx,
// installs from the lockfile what the command needs, and runs it.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { packageManager, engines } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
const [pnpm] = packageManager.split("+");
const install = "pnpm install --frozen-lockfile --prefer-offline --reporter=append-only";

const [task = "", ...flags] = process.argv.slice(2);
const tasks = {
  start: {
    prepare: `${install} --filter local-stack... && pnpm --reporter=append-only --filter local-stack... run build`,
    command: [process.execPath, "examples/local-stack/start.mjs", ...flags],
  },
  test: {
    prepare: `${install} && node scripts/check.mjs`,
    command: ["npx", "--no-install", "vitest", "run", ...flags],
  },
};

// npm hands its own settings on as environment variables, and pnpm would take them for its own.
function cleanEnvironment() {
  const keep = /^npm_config_(registry|cafile|cache|.*proxy)$/i;
  const entries = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) || keep.test(name));
  const quiet = { TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1", NPM_CONFIG_UPDATE_NOTIFIER: "false" };
  return { ...Object.fromEntries(entries), ...quiet };
}

let child;
let stopped = false;
function stop(signal) {
  stopped = true;
  child?.kill(signal);
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stop(signal));
// A shell between npm and this script does not pass signals on: when npm has gone, stop too.
const parent = process.ppid;
setInterval(() => process.ppid === parent || stop("SIGTERM"), 500).unref();

/** Runs a command to its end; its exit code, or 1 when a signal ended it. */
function run(command, args) {
  return new Promise((resolve, reject) => {
    child = spawn(command, args, { cwd: root, env: cleanEnvironment(), stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`This needs Node ${engines.node}; here is ${process.version}. Install a newer Node and try again.`);
  process.exit(1);
}
if (!(task in tasks)) {
  console.error(`usage: node scripts/run.mjs ${Object.keys(tasks).join("|")}`);
  process.exit(2);
}
const { prepare, command } = tasks[task];
const prepared = await run("npx", ["--yes", "--prefer-offline", `--package=${pnpm}`, "-c", prepare]);
process.exitCode = prepared || stopped ? prepared || 1 : await run(command[0], command.slice(1));
