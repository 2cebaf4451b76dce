import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SerialIndex, type SerialIndexParts, SerialIndexWriter } from "./serial-index.js";

function indexOf(serials: readonly Uint8Array[]): SerialIndex {
  const bytes = serials.reduce((sum, { length }) => sum + length, 0);
  const writer = new SerialIndexWriter(serials.length, bytes);
  for (const serial of serials) writer.add(Buffer.concat([Buffer.of(0xee), serial]), 1, 1 + serial.length);
  return writer.finish(serials.length);
}
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("SerialIndex", () => {
  it("finds what is in it and nothing else, as a set does", () => {
    const serial = fc.uint8Array({ maxLength: 4 });
    fc.assert(
      fc.property(fc.array(serial, { maxLength: 300 }), fc.array(serial, { maxLength: 50 }), (inside, asked) => {
        const index = indexOf(inside);
        const set = new Set(inside.map(hex));
        for (const one of [...inside, ...asked]) expect(index.has(one)).toBe(set.has(hex(one)));
        expect([...index]).toEqual(inside.map(hex));
        expect([...indexOf(asked).missingIn(index)]).toEqual(asked.map(hex).filter((one) => !set.has(one)));
      }),
    );
  });

  it("keeps serials of the most bytes, and the empty one of 0", () => {
    const index = indexOf([new Uint8Array(255).fill(7), new Uint8Array(0)]);
    expect([255, 254, 0].map((length) => index.has(new Uint8Array(length).fill(7)))).toEqual([true, false, true]);
  });

  it("is empty for an empty list", () => {
    const index = indexOf([]);
    expect([index.count, index.has(Buffer.of(1)), index.has(Buffer.alloc(0))]).toEqual([0, false, false]);
  });

  it("takes 8 to 17 bytes beside each serial, and is shared with other threads", () => {
    const count = 100_000;
    const serials = Array.from({ length: count }, (_, number) =>
      Buffer.from(number.toString(16).padStart(32, "7"), "hex"),
    );
    const { parts } = indexOf(serials);
    const perEntry = (parts.serials.byteLength + parts.table.byteLength) / count - 16;
    expect(perEntry).toBeGreaterThan(8);
    expect(perEntry).toBeLessThan(18);
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(parts);
    const received = receiveMessageOnPort(port2)?.message as SerialIndexParts;
    port1.close();
    const there = new SerialIndex(received);
    expect(serials.every((serial) => there.has(serial))).toBe(true);
    received.serials[1] = 0xff;
    expect(parts.serials[1]).toBe(0xff);
  });
});
