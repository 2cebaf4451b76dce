// Servers in processes of their own, what sends them requests, and what they cost.
import { fork, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (file) => fileURLToPath(new URL(file, import.meta.url));

/** Starts a script that says where it listens; pid, address, and how to stop it. */
export function startServer(file, args = [], { execArgv = [], env = {} } = {}) {
  const options = { execArgv, env: { ...process.env, ...env }, stdio: ["ignore", "inherit", "pipe", "ipc"] };
  const child = fork(here(file), args, options);
  discardLog(child);
  return new Promise((resolve, reject) => {
    child.once("message", ({ port, pids = [] }) => {
      const stop = () => new Promise((done) => child.once("exit", done).kill());
      resolve({ pids: [child.pid, ...pids], address: { host: "127.0.0.1", port }, stop });
    });
    child.once("exit", (code) => reject(new Error(`${file} ${args.join(" ")} ended with ${code}`)));
  });
}

/** Logs are written as in earnest, to somebody who reads them; only what is fatal is of interest here. */
function discardLog(child) {
  let last = "";
  child.stderr.on("data", (chunk) => (last = String(chunk)));
  child.once("exit", (code) => code && console.error(last));
}

/** `tokens serve` itself. */
export function startTokens(settings) {
  const args = [here("../../apps/server/bin/tokens.js"), "serve", "--listen", "127.0.0.1:0", ...settings];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  discardLog(child);
  return new Promise((resolve, reject) => {
    child.stdout.once("data", (line) => {
      const { hostname, port } = new URL(JSON.parse(line).url);
      const stop = () => new Promise((done) => child.once("exit", done).kill());
      resolve({ pids: [child.pid], address: { host: hostname, port: Number(port) }, stop });
    });
    child.once("exit", (code) => reject(new Error(`tokens serve ended with ${code}`)));
  });
}

/** The load: `run` sends requests for some seconds and resolves with what came of it. */
export function startLoad() {
  const child = fork(here("load-generator.mjs"), { serialization: "advanced" });
  const ask = (message) =>
    new Promise((resolve, reject) => {
      child.once("message", (result) => (result.error ? reject(new Error(result.error)) : resolve(result)));
      child.send(message);
    });
  /** Hands over requests once, by a name that jobs call them. */
  const keep = (name, requests) => ask({ keep: name, requests });
  return { keep, run: ask, stop: () => void child.kill() };
}

const TICKS_PER_SECOND = 100;

/** Processor time that processes have used, in seconds, as Linux counts it. */
export function cpuSeconds(pids) {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ");
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }, 0);
}

/** One round of load on a server: what the load saw, and the server's processor time for each request in microseconds. */
export async function measureServer(load, { address, pids }, job) {
  const before = cpuSeconds(pids);
  const result = await load.run({ address, ...job });
  return { ...result, cpuMicroseconds: ((cpuSeconds(pids) - before) * 1e6) / result.count };
}

/** Waits until a server has its revocation list and mints. */
export async function untilItMints(load, server, requests) {
  for (let tries = 0; tries < 300; tries++) {
    const isUp = await load.run({ address: server.address, requests, connections: 1, seconds: 0.05 }).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("the server does not mint");
}

/** Calls until the code of a server is compiled as it will be in the long run. */
export async function warmUp(load, { address }, job, calls = 20_000) {
  const end = performance.now() + 10_000;
  for (let done = 0; done < calls && performance.now() < end;) done += (await load.run({ address, ...job })).count;
}

/** A POST as a lean client writes it. */
export function post(path, body, type = "application/proto") {
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}
