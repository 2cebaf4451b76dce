import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The one file of the agent. */
export const bundle: string = fileURLToPath(new URL("../dist/tokend.cjs", import.meta.url));

/** How an agent ended, and what it said. */
export interface EndedAgent {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** An agent in a process of its own. */
export interface RunningAgent {
  readonly child: ChildProcess;
  readonly ended: Promise<EndedAgent>;
  /** Resolves once its log holds these words; rejects when it ends before. */
  logs(words: string): Promise<void>;
}

/** Starts the agent as it is built. */
export function startAgent(args: readonly string[], options: SpawnOptions = {}, file: string = bundle): RunningAgent {
  if (!existsSync(file)) throw new Error("build first: pnpm build");
  return watch(spawn(process.execPath, [file, ...args], options));
}

/** Runs the agent to its end. */
export function runAgent(args: readonly string[], options: SpawnOptions = {}, file?: string): Promise<EndedAgent> {
  return startAgent(args, options, file).ended;
}

/** Follows a program that runs the agent. */
export function watch(child: ChildProcess): RunningAgent {
  let [stdout, stderr] = ["", ""];
  const waiting = new Set<() => void>();
  child.stdout?.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr?.on("data", (chunk) => {
    stderr += String(chunk);
    for (const check of waiting) check();
  });
  const ended = new Promise<EndedAgent>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const logs = (words: string) =>
    new Promise<void>((resolve, reject) => {
      const check = () => {
        if (!stderr.includes(words)) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
      void ended.then(() => reject(new Error(`it ended without ${JSON.stringify(words)}:\n${stderr}`)));
    });
  return { child, ended, logs };
}
