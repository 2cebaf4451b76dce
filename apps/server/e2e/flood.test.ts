import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { soakCount } from "soak-count";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LoadFleet, makeLoadFleet, MintingLoad } from "./minting-load.js";
import { repositoryPath, type RunningServer, startServer } from "./programs.js";

const CONNECTIONS = soakCount(10_000);
const IS_SOAK = CONNECTIONS === 10_000;
const FLOOD_MS = IS_SOAK ? 30_000 : 3_000;
/** What the server may have in memory while it is flooded, in MiB: itself, 64 for what is incomplete, and its sockets. */
const MEMORY_MIB = 512;

const folder = mkdtempSync(join(tmpdir(), "flood-"));
let fleet: LoadFleet;
let server: RunningServer;

beforeAll(async () => {
  fleet = await makeLoadFleet(folder);
  server = await startServer(["--config", fleet.config, "--data", join(folder, "data")]);
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** Memory of the server, in MiB. */
function memory(): number {
  const [, kib = "0"] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}

/** Mints steadily, a token each 50 ms, each on a connection of its own, until the work is done. */
async function mintSteadily(work: Promise<unknown>): Promise<{ p99: number; failures: string[]; count: number }> {
  const milliseconds: number[] = [];
  const failures: string[] = [];
  let isOver = false;
  const over = work.finally(() => (isOver = true));
  const calls: Promise<void>[] = [];
  while (!isOver) {
    const begin = performance.now();
    const load = new MintingLoad(server.url, fleet, 0);
    calls.push(
      mintAsAgents(load).then(
        () => void milliseconds.push(performance.now() - begin),
        (error: Error) => void failures.push(error.message),
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await Promise.all([over, ...calls]);
  const sorted = milliseconds.toSorted((a, b) => a - b);
  return { p99: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN, failures, count: sorted.length };
}

/** As agents do: who is turned away or cut off comes again, twice. */
async function mintAsAgents(load: MintingLoad): Promise<void> {
  for (let left = 2; ; left--) {
    try {
      return await load.once();
    } catch (error) {
      // A connection that is reset is "aborted" in Connect's words.
      if (left === 0 || ![Code.Unavailable, Code.Aborted].includes(ConnectError.from(error).code)) throw error;
    }
  }
}

interface FloodReport {
  readonly connected: number;
  readonly cutOff: number;
}

function flood(): Promise<FloodReport> {
  const script = repositoryPath("scripts/flood-client.mjs");
  const args = [script, new URL(server.url).port, String(CONNECTIONS), String(FLOOD_MS)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk) => (text += String(chunk)));
  return new Promise((resolve, reject) => {
    child.on("error", reject).on("close", () => resolve(JSON.parse(text) as FloodReport));
  });
}

function metricsPage(): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath: server.admin.replace("unix:", ""), path: "/metrics", agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += String(chunk)));
      response.on("end", () => resolve(text));
    })
      .on("error", reject)
      .end();
  });
}

const openSockets = async () => Number(/^process_open_fds (\d+)/m.exec(await metricsPage())?.[1]);

describe("a flood of slow, made-up and oversize requests", () => {
  it("starves no machine, fits into the memory, and leaves the server as it was", async () => {
    const pause = new Promise((resolve) => setTimeout(resolve, IS_SOAK ? 15_000 : 2_000));
    const quiet = await mintSteadily(pause);
    const before = { memory: memory(), sockets: await openSockets() };
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, memory())), 100);
    const flooding = flood();
    const flooded = await mintSteadily(flooding);
    clearInterval(watch);
    const { connected, cutOff } = await flooding;
    await expect.poll(openSockets).toBeLessThan(before.sockets + 10);
    const after = await mintSteadily(new Promise((resolve) => setTimeout(resolve, IS_SOAK ? 15_000 : 1_000)));
    if (IS_SOAK)
      console.log(JSON.stringify({ quiet, flooded, after, before, peak, connected, cutOff, memory: memory() }));
    expect([...quiet.failures, ...flooded.failures, ...after.failures]).toEqual([]);
    expect(connected).toBeGreaterThanOrEqual(CONNECTIONS);
    expect(peak).toBeLessThan(MEMORY_MIB);
    if (IS_SOAK) expect(flooded.p99 / quiet.p99).toBeLessThanOrEqual(3);
  });
});
