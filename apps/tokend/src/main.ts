import { oneShotUsage, parseOneShotFlags } from "./flags.js";
import { RunLog } from "./log.js";
import { runOnce } from "./one-shot.js";
import { interruption } from "./interruption.js";

async function main([first = "", ...rest]: readonly string[]): Promise<number> {
  const parsed = parseOneShotFlags([first, ...rest]);
  if (parsed.kind === "help") {
    process.stderr.write(oneShotUsage());
    return 0;
  }
  if (parsed.kind === "wrong") {
    process.stderr.write(`${parsed.message}\n${oneShotUsage()}`);
    return 2;
  }
  const log = new RunLog((line) => process.stderr.write(line), process.pid, Date.now);
  const { isGood } = await runOnce(parsed.flags, { log, signal: interruption(log), clock: Date.now });
  return isGood ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
