import { randomBytes } from "node:crypto";
import { getHeapSnapshot } from "node:v8";
import { expect, it } from "vitest";
import { type CacheOptions, VerdictCache } from "./verdict-cache.js";

/** Whether a heap dump shows the token whose bytes are given. */
async function isInHeapDump(token: Buffer): Promise<boolean> {
  let rest = Buffer.alloc(0);
  let found = false;
  for await (const chunk of getHeapSnapshot() as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk]);
    found ||= rest.includes(token);
    rest = rest.subarray(-token.length);
  }
  return found;
}

it.each<[CacheOptions, boolean]>([
  [{ hashTokens: true }, false],
  [{ hashTokens: false }, true],
])("shows its tokens in a heap dump as its options say: %o", async (options, shown) => {
  const bytes = Buffer.from(randomBytes(200).toString("hex"));
  const cache = new VerdictCache<number>(options);
  // The text is made for each call, so that the test itself holds bytes alone.
  cache.add(bytes.toString("latin1"), 1);
  expect(await isInHeapDump(bytes)).toBe(shown);
  expect(cache.find(bytes.toString("latin1"))).toBe(1);
});
