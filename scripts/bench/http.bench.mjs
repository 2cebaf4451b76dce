// A call without any cryptography: what HTTP, Connect's protocol and our interceptors cost beside bare node:http and beside
// Connect's own handler.
import { inTurns, ratioRow, costRatioRow } from "./measure.mjs";
import { measureServer, post, startLoad, startServer, warmUp } from "./servers.mjs";

const PATH = "/tokenserver.minter.TokenMinter/MintMachineToken";
/** As long as a request for a machine token; any bytes that are a message. */
const body = Buffer.concat([Buffer.from([0x0a, 0xdc, 0x09]), Buffer.alloc(1244)]);
const job = { requests: "calls", connections: 32, seconds: 1, isAwake: true };

export async function run() {
  const load = startLoad();
  await load.keep("calls", [post(PATH, body)]);
  const kinds = ["raw", "ours", "connect"];
  const servers = await Promise.all(kinds.map((kind) => startServer("http-server.mjs", [kind])));
  for (const server of servers) await warmUp(load, server, job);
  const measurements = kinds.map((kind, i) => [kind, () => measureServer(load, servers[i], job)]);
  const { raw, ours, connect } = await inTurns(Object.fromEntries(measurements));
  await Promise.all(servers.map((server) => server.stop()));
  load.stop();
  const cpu = (rounds) => rounds.map(({ cpuMicroseconds }) => cpuMicroseconds);
  // In a second of the server's own processor: what the load takes of the machine must not count.
  const rate = (rounds) => rounds.map(({ cpuMicroseconds }) => 1e6 / cpuMicroseconds);
  const name = "a unary call in Connect's protocol";
  return [
    costRatioRow(
      { id: "H1", name: `${name}, CPU ÷ bare node:http`, unit: "µs", goal: 1.8, stretch: 1.45 },
      cpu(ours),
      cpu(raw),
    ),
    ratioRow(
      { id: "H2", name: `${name}, in a second of a core, ÷ connect-node`, unit: "calls/s", goal: 5, stretch: 7 },
      rate(ours),
      rate(connect),
    ),
  ];
}
