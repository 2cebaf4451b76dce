// Sends requests over some connections as fast as they are answered, and measures. Raw sockets and no parser, so that it
// takes as little of the machine as it can: what it costs is the servers' loss. A child process; one job per message.
import { connect } from "node:net";

const HEAD_END = Buffer.from("\r\n\r\n");
/** The tag of error_code. */
const REFUSED = 0x08;

/** By name: the requests, and which is the next. */
const kept = new Map();

/** One connection, one request after the other, until the time is over. */
function drive(job, state) {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    let sentAt = 0;
    const send = () => {
      if (performance.now() >= state.end) return socket.end();
      sentAt = performance.now();
      socket.write(state.requests[state.set.next++ % state.requests.length]);
    };
    const socket = connect({ ...job.address, noDelay: true }, send);
    socket.on("data", (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const head = received.indexOf(HEAD_END);
      if (head < 0) return;
      const bodyAt = head + HEAD_END.length;
      const length = /content-length: *(\d+)/i.exec(received.latin1Slice(0, head))?.[1] ?? 0;
      if (received.length < bodyAt + Number(length)) return;
      // A mint that is refused is a success too, which begins with the field error_code.
      const isGood = received[9] === 0x32 && received[bodyAt] !== REFUSED;
      if (!isGood) return socket.destroy(new Error(received.toString("latin1")));
      state.latencies.push(performance.now() - sentAt);
      received = Buffer.alloc(0);
      send();
    });
    socket.on("error", reject).on("close", resolve);
  });
}

/**
 * Never sleeps until the time is over. A server that is slower than its load wakes it with each answer, and pays for that: a
 * quarter of what a small answer costs, which clients on other machines do not.
 */
function stayAwake(state) {
  if (performance.now() < state.end) setImmediate(stayAwake, state);
}

async function run(job) {
  if (job.keep) return void kept.set(job.keep, { requests: job.requests, next: 0 });
  const begin = performance.now();
  const before = process.cpuUsage();
  const set = kept.get(job.requests);
  const state = { set, requests: set.requests, end: begin + job.seconds * 1000, latencies: [] };
  if (job.isAwake) stayAwake(state);
  await Promise.all(Array.from({ length: job.connections }, () => drive(job, state)));
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(before);
  const sorted = Float64Array.from(state.latencies).sort();
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  const cores = (user + system) / 1e6 / seconds;
  const count = sorted.length;
  return { count, perSecond: count / seconds, p50: at(0.5), p99: at(0.99), cores };
}

process.on("message", (job) => {
  run(job).then(
    (result) => process.send(result ?? {}),
    (error) => process.send({ error: error.message }),
  );
});

// Nobody is left to stop it when the benchmark fails.
process.once("disconnect", () => process.exit());
