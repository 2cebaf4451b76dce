// Floods a server on this machine: flood-client.mjs PORT CONNECTIONS MILLISECONDS. Goes on for so long from when it has had
// all its connections. Prints one JSON object: what came of it.
// A third of the connections never end their headers, a third never their bodies; the others send tokens made up at random
// and requests that are too large. Whoever is cut off comes again.
import { randomBytes } from "node:crypto";
import { connect } from "node:net";

const [port, connections, milliseconds] = process.argv.slice(2).map(Number);
const METHOD = "/tokenserver.minter.TokenMinter";
const sockets = new Set();
const seen = { connected: 0, cutOff: 0, answers: 0, errors: 0 };
let isOver = false;

const post = (method, length, more = "") =>
  `POST ${METHOD}/${method} HTTP/1.1\r\nHost: a\r\nContent-Type: application/proto\r\nContent-Length: ${length}\r\n${more}\r\n`;
const randomToken = () =>
  post("MintDelegationToken", 0, `X-Luci-Machine-Token: ${randomBytes(375).toString("base64")}\r\n`);

/** What a connection sends first, and what it goes on with. */
const KINDS = [
  () => ["POST / HTTP/1.1\r\nX-Slow: ", () => "x"],
  () => [post("MintMachineToken", 64 * 1024), () => "x"],
  () => [randomToken(), randomToken],
  () => [post("MintMachineToken", 10_000_000), () => "x".repeat(16 * 1024)],
];
const SHARES = [0, 0, 0, 0, 1, 1, 1, 1, 2, 3];
/** How often a connection says something, in milliseconds. */
const EVERY_MS = 5_000;

function open(kind) {
  if (isOver) return;
  const [first, next] = KINDS[kind]();
  const socket = connect({ port, host: "127.0.0.1" });
  sockets.add(socket);
  let timer;
  socket.on("connect", () => {
    seen.connected++;
    if (seen.connected === connections) setTimeout(end, milliseconds);
    socket.write(first);
    timer = setInterval(() => socket.write(next()), EVERY_MS * (0.5 + Math.random()));
  });
  socket.on("data", () => seen.answers++);
  socket.on("error", () => seen.errors++);
  socket.on("close", () => {
    clearInterval(timer);
    sockets.delete(socket);
    seen.cutOff++;
    setTimeout(() => open(kind), 500 + Math.random() * 1_000);
  });
}

function end() {
  isOver = true;
  const report = `${JSON.stringify(seen)}\n`;
  for (const socket of sockets) setTimeout(() => socket.destroy(), Math.random() * RAMP_MS);
  setTimeout(() => process.stdout.write(report, () => process.exit(0)), RAMP_MS);
}

// They neither come nor go all in the same moment: they stand for clients on many machines.
const RAMP_MS = Math.min(3_000, milliseconds / 4);
for (let index = 0; index < connections; index++) {
  setTimeout(() => open(SHARES[index % SHARES.length]), (index * RAMP_MS) / connections);
}
