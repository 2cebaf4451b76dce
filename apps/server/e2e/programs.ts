import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = new URL("../../../", import.meta.url);

/** Path of a file of the repository. */
export function repositoryPath(path: string): string {
  return fileURLToPath(new URL(path, root));
}

const tokens = repositoryPath("apps/server/bin/tokens.js");

/** How a program ended. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end. */
export function run(program: string, args: string[], input = "", env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(program, args, { cwd: repositoryPath("."), env: { ...process.env, ...env } });
  child.stdin.end(input);
  return ending(child);
}

/** Runs `tokens` to its end. */
export function runTokens(args: string[], input = "", env: Record<string, string> = {}): Promise<Ended> {
  requireBuild();
  return run(process.execPath, [tokens, ...args], input, env);
}

/** Starts `tokens` for a test that talks with it. */
export function startTokens(args: string[]): ChildProcessWithoutNullStreams {
  requireBuild();
  return spawn(process.execPath, [tokens, ...args], { cwd: repositoryPath(".") });
}

/** A token server in its own process. */
export interface RunningServer {
  readonly url: string;
  readonly admin: string;
  readonly pid: number;
  /** Everything it has logged so far. */
  log(): string;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

/** Starts `tokens serve` on a free port and waits until it listens. */
export async function startServer(args: string[], env: Record<string, string> = {}): Promise<RunningServer> {
  requireBuild();
  const child = spawn(process.execPath, [tokens, "serve", "--listen", "127.0.0.1:0", ...args], {
    env: { ...process.env, ...env },
  });
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const ended = ending(child);
  const line = new Promise<string>((resolve) => createInterface({ input: child.stdout }).once("line", resolve));
  const early = ended.then((end) => Promise.reject(new Error(`the server ended with ${end.code}:\n${end.stderr}`)));
  early.catch(() => undefined);
  const { url, admin } = JSON.parse(await Promise.race([line, early])) as { url: string; admin: string };
  const stop = (signal: NodeJS.Signals = "SIGTERM") => {
    child.kill(signal);
    return ended;
  };
  return { url, admin, pid: child.pid ?? 0, log: () => stderr, stop };
}

function ending(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  child.stdout?.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr?.on("data", (chunk) => (stderr += String(chunk)));
  return new Promise((resolve, reject) => {
    child.on("error", reject).on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

function requireBuild(): void {
  if (!existsSync(repositoryPath("apps/server/dist/main.js"))) throw new Error("build first: pnpm build");
}
