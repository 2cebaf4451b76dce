import { writeAtomically } from "./atomic-write.js";
import { type Flags, parseFlags, usage } from "./flags.js";
import { RunLog } from "./log.js";
import { refreshToken } from "./run.js";
import { type RunReport, serializeStatus } from "./status-report.js";

/** Subcommands that are to come, as the very first argument. */
const FUTURE_SUBCOMMANDS = ["run", "doctor", "print"];

async function main(args: readonly string[]): Promise<number> {
  const [first = ""] = args;
  if (FUTURE_SUBCOMMANDS.includes(first)) return complain(`tokend ${first} is not available in this version`);
  const parsed = parseFlags(args);
  if (parsed.kind === "help") {
    process.stderr.write(usage());
    return 0;
  }
  if (parsed.kind === "wrong") return complain(`${parsed.message}\n${usage().trimEnd()}`);
  return run(parsed.flags);
}

function complain(message: string): number {
  process.stderr.write(`${message}\n`);
  return 2;
}

async function run(flags: Flags): Promise<number> {
  const log = new RunLog((line) => process.stderr.write(line), process.pid, Date.now);
  const report: RunReport = { startedMs: Date.now(), endedMs: 0, token: {} };
  const good = await refreshToken(flags, report, { log, signal: interruption(log), clock: Date.now });
  await writeStatus(flags, { ...report, endedMs: Date.now() }, log);
  return good ? 0 : 1;
}

/** The first signal ends what the run waits for, so that it can still report. The second ends the process. */
function interruption(log: RunLog): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) {
        process.stderr.write(`got ${signal} again, exiting now\n`);
        process.exit(1);
      }
      log.log("warning", `got ${signal}, stopping`);
      controller.abort();
    });
  }
  return controller.signal;
}

/** Not bound by the run's deadline; a failure is only logged. */
async function writeStatus(flags: Flags, report: RunReport, log: RunLog): Promise<void> {
  if (flags.statusFile === "") return;
  const warn = (message: string) => log.log("warning", message);
  try {
    const text = serializeStatus(report, log.dump());
    await writeAtomically(flags.statusFile, text, { signal: AbortSignal.timeout(10_000), warn });
  } catch (error) {
    log.log("error", `cannot write the status file: ${(error as Error).message}`);
  }
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
