import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";

/** What happens after a new token was written. */
export interface RenewalHooks {
  /** A line for the shell; empty: none. */
  readonly command: string;
  /** A signal and a file with the number of the process that gets it. */
  readonly signal: RenewalSignal | undefined;
}

/** Who is to be signalled, and how. */
export interface RenewalSignal {
  readonly name: NodeJS.Signals;
  readonly pidFile: string;
}

/** A command that takes longer is killed, in milliseconds. */
const COMMAND_TIMEOUT_MS = 60_000;

/** Reads `SIGHUP:/run/app.pid`; undefined when it is not so. */
export function parseRenewalSignal(text: string): RenewalSignal | undefined {
  const [, name, pidFile] = /^(SIGHUP|SIGUSR1|SIGUSR2|SIGINT|SIGTERM):(.+)$/.exec(text) ?? [];
  return name !== undefined && pidFile !== undefined ? { name: name as NodeJS.Signals, pidFile } : undefined;
}

/** Runs what is to be run. The command learns where the token is, not the token. What goes wrong is only told to `warn`. */
export async function runRenewalHooks(
  { command, signal }: RenewalHooks,
  token: { readonly file: string; readonly expiry: number },
  warn: (message: string) => void,
): Promise<void> {
  if (signal) await sendSignal(signal).catch((error: Error) => warn(`${signal.name} was not sent: ${error.message}`));
  if (command === "") return;
  const env = { ...process.env, TOKEND_TOKEN_FILE: token.file, TOKEND_TOKEN_EXPIRY: String(token.expiry) };
  await new Promise<void>((resolve) => {
    execFile("/bin/sh", ["-c", command], { env, timeout: COMMAND_TIMEOUT_MS }, (error, _, stderr) => {
      if (error) warn(`the command after a renewal failed: ${stderr.trim() || error.message}`);
      resolve();
    });
  });
}

async function sendSignal({ name, pidFile }: RenewalSignal): Promise<void> {
  const pid = Number((await readFile(pidFile, "utf8")).trim());
  // 0 and below are groups of processes, 1 is the system's first.
  if (!Number.isSafeInteger(pid) || pid <= 1) throw new Error(`${pidFile} holds no process number`);
  process.kill(pid, name);
}
