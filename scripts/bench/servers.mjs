// Servers in processes of their own, what sends them requests, and what they cost.
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (file) => fileURLToPath(new URL(file, import.meta.url));

/** Starts a script that says where it listens; pid, address, and how to stop it. */
export function startServer(file, args = [], { execArgv = [], env = {} } = {}) {
  const child = fork(here(file), args, { execArgv, env: { ...process.env, ...env } });
  return new Promise((resolve, reject) => {
    child.once("message", ({ port }) => {
      const stop = () => new Promise((done) => child.once("exit", done).kill());
      resolve({ pid: child.pid, child, address: { host: "127.0.0.1", port }, stop });
    });
    child.once("exit", (code) => reject(new Error(`${file} ${args.join(" ")} ended with ${code}`)));
  });
}

/** The load: `run` sends requests for some seconds and resolves with what came of it. */
export function startLoad() {
  const child = fork(here("load-generator.mjs"), { serialization: "advanced" });
  const run = (job) =>
    new Promise((resolve, reject) => {
      child.once("message", (result) => (result.error ? reject(new Error(result.error)) : resolve(result)));
      child.send(job);
    });
  return { run, stop: () => void child.kill() };
}

const TICKS_PER_SECOND = 100;

/** Processor time that a process and the children that it still has have used, in seconds. */
export function cpuSeconds(pids) {
  return [pids].flat().reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ");
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }, 0);
}

/** One round of load on a server: what the load saw, and the server's processor time for each request in microseconds. */
export async function measureServer(load, { address, pids, pid }, job) {
  const before = cpuSeconds(pids ?? pid);
  const result = await load.run({ address, ...job });
  return { ...result, cpuMicroseconds: ((cpuSeconds(pids ?? pid) - before) * 1e6) / result.count };
}

/** A POST as a lean client writes it. */
export function post(path, body, type = "application/proto") {
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}
