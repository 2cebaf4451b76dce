import { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { Connections } from "./connections.js";

/** A connection as the server sees it; undefined: its client was gone before anybody looked. */
function connection(remoteAddress: string | undefined, remotePort: number, localAddress = "10.0.0.1"): Socket {
  const addresses = { remoteAddress, remotePort, localAddress, localPort: 443 };
  const socket = new Socket();
  for (const [name, value] of Object.entries(addresses)) Object.defineProperty(socket, name, { value });
  return socket;
}

describe("open connections", () => {
  it("are told apart by both ends: one client port may be connected to several addresses of the server", () => {
    const connections = new Connections(2, () => undefined);
    const [first, second, third] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((own) => connection("10.9.9.9", 5000, own));
    for (const socket of [first, second, third]) if (socket) connections.add(socket);
    expect([first, second, third].map((socket) => socket?.destroyed)).toEqual([true, false, false]);
    expect(second && connections.of(second)?.socket).toBe(second);
  });

  it("are none whose clients are gone already: they have no address to be told apart by", () => {
    let cutOff = 0;
    const connections = new Connections(1, () => cutOff++);
    const [gone, also] = [connection(undefined, 0), connection(undefined, 0)];
    for (const socket of [gone, also]) connections.add(socket);
    expect([gone.destroyed, also.destroyed, cutOff]).toEqual([true, true, 0]);
  });

  it("are the client's to go on with once an answer goes out, and the newest with each part of it", () => {
    const connections = new Connections(2, () => undefined);
    const [first, second] = [connection("10.9.9.9", 1), connection("10.9.9.9", 2)];
    for (const socket of [first, second]) connections.add(socket);
    const [one, two] = [connections.of(first), connections.of(second)];
    if (!one || !two) return expect.fail();
    const [answer, again, other] = [
      connections.beginAnswer(one),
      connections.beginAnswer(one),
      connections.beginAnswer(two),
    ];
    const refused = connection("10.9.9.9", 3);
    connections.add(refused);
    expect(refused.destroyed).toBe(true);
    answer();
    answer();
    expect(one.answering).toBe(1);
    for (const handOver of [again, other, again]) handOver();
    connections.add(connection("10.9.9.9", 4));
    expect([first.destroyed, second.destroyed]).toEqual([false, true]);
  });
});
