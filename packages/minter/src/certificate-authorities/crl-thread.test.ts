import { toPem } from "@tokens/pki/x509";
import { afterAll, afterEach, expect, it } from "vitest";
import { fleetCa, hangingThread, keeperOf, minutes, sourceOf } from "../../test/crl-lists.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import { type CrlThread, PART_BYTES } from "./crl-thread.js";

const storage = await openSqliteStorage(":memory:");
let thread: CrlThread;
afterEach(() => thread.stop());
afterAll(() => storage.close());

const list = fleetCa.crl({ thisUpdate: minutes(-1), revoked: [1, 2] });

/** A part is there until the next is asked for, so each is copied. */
async function partsOf(from: CrlThread): Promise<Buffer[]> {
  const parts = [];
  for await (const part of from.parts()) parts.push(Buffer.from(part));
  return parts;
}

it("gives back the DER of what it has read, as often as it is asked", async () => {
  for (const bytes of [list, Buffer.from(toPem("X509 CRL", list))]) {
    thread = keeperOf(storage.crls).read(sourceOf());
    for (const byte of bytes) thread.write(Buffer.of(byte));
    expect((await thread.finish()).bytes).toBe(list.length);
    for (let times = 0; times < 2; times++) expect(await partsOf(thread)).toEqual([list]);
    await thread.stop();
  }
});

it("gives back a large list in parts, in shared memory that has the size of one", async () => {
  const serials = Array.from({ length: 40_000 }, (_, index) => (1n << 100n) + BigInt(index));
  const large = fleetCa.crl({ thisUpdate: minutes(-1), revoked: serials });
  expect(large.length).toBeGreaterThan(PART_BYTES);
  thread = keeperOf(storage.crls, undefined, {}, large.length).read(sourceOf());
  thread.write(large);
  await thread.finish();
  const parts = await partsOf(thread);
  expect(Buffer.concat(parts).equals(large)).toBe(true);
  expect(parts.map(({ length }) => length)).toEqual([PART_BYTES, large.length - PART_BYTES]);
  const memory = new Set<ArrayBufferLike>();
  for await (const part of thread.parts()) memory.add(part.buffer);
  expect([...memory]).toEqual([expect.any(SharedArrayBuffer)]);
});

it("is stopped also while it hangs: whoever waits for it is told", async () => {
  thread = hangingThread();
  const finishing = thread.finish();
  await thread.stop();
  await expect(finishing).rejects.toThrow("has gone");
  await expect(thread.finish()).rejects.toThrow("has gone");
});
