import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const start = fileURLToPath(new URL("../start.mjs", import.meta.url));

function demonstrate(args: string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [start, ...args], { env: { ...process.env, ...environment } });
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stderr.on("data", (chunk) => (output += String(chunk)));
  const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.on("close", (code) => resolve({ code, output }));
  });
  return { child, ended };
}

/** Processes that a process has started and that still run. */
function childrenOf({ pid }: ChildProcess): number[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
  return lines
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child ?? 0);
}

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it("shows the main job in seven steps and ends", async () => {
  const { code, output } = await demonstrate(["--once"]).ended;
  expect(output).toMatch(/ 5\. .*401/);
  expect(output).toMatch(/ 6\. .*401/);
  expect(output).toMatch(/ 7\. .*200 hello bot:host-1\.fleet\.example\.com/);
  expect(code).toBe(0);
});

it("ends with an error when a step fails", async () => {
  const { code, output } = await demonstrate(["--once"], {
    TOKENS_LISTEN: "nowhere",
    TOKENS_SETTINGS: "/does/not/exist",
  }).ended;
  expect(output).toContain("failed: ");
  expect(code).toBe(1);
});

it("stays up, says how to try it, and leaves no process behind after Ctrl-C", async () => {
  const { child, ended } = demonstrate([]);
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve) => lines.on("line", (line) => line.includes("Ctrl-C stops it") && resolve()));
  const running = childrenOf(child);
  expect(running).toHaveLength(2);
  child.kill("SIGINT");
  expect((await ended).code).toBe(0);
  expect(running.filter(isRunning)).toEqual([]);
});
