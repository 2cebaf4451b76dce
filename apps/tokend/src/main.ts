import { daemonUsage, parseDaemonFlags } from "./daemon-flags.js";
import { runDaemon } from "./daemon.js";
import { doctorUsage, parseDoctorFlags } from "./doctor/doctor-flags.js";
import { runDoctor } from "./doctor/doctor.js";
import type { ParsedFlags } from "./flag-parser.js";
import { oneShotUsage, parseOneShotFlags } from "./flags.js";
import { interruption } from "./interruption.js";
import { RunLog } from "./log.js";
import { runOnce } from "./one-shot.js";
import { parsePrintFlags, printToken, printUsage } from "./print-token.js";

const out = (text: string) => void process.stdout.write(text);
const complain = (message: string) => void process.stderr.write(`${message}\n`);

/** A subcommand is one only as the very first argument; anything else is LUCI's command line. */
async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case "run": {
      return carryOut(parseDaemonFlags(rest), daemonUsage, runDaemon);
    }
    case "doctor": {
      return carryOut(parseDoctorFlags(rest), doctorUsage, (flags) => runDoctor(flags, out));
    }
    case "print": {
      return carryOut(parsePrintFlags(rest), printUsage, (flags) => printToken(flags, { out, complain }, Date.now()));
    }
    default:
      return carryOut(parseOneShotFlags(args), oneShotUsage, async (flags) => {
        const log = new RunLog((line) => process.stderr.write(line), process.pid, Date.now);
        const { isGood } = await runOnce(flags, { log, interruption: interruption(log), clock: Date.now });
        return isGood ? 0 : 1;
      });
  }
}

async function carryOut<T>(
  parsed: ParsedFlags<T>,
  usage: () => string,
  run: (flags: T) => number | Promise<number>,
): Promise<number> {
  if (parsed.kind === "run") return run(parsed.flags);
  process.stderr.write(parsed.kind === "wrong" ? `${parsed.message}\n${usage()}` : usage());
  return parsed.kind === "wrong" ? 2 : 0;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exit(1);
  },
);
