import { gunzipSync, gzipSync } from "node:zlib";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { describe, expect, it } from "vitest";
import { compressBody, readBody } from "./prpc-body.js";

function request(chunks: Uint8Array[], encoding?: string) {
  return {
    httpVersion: "1.1",
    url: "http://a/",
    method: "POST",
    header: new Headers(encoding === undefined ? {} : { "content-encoding": encoding }),
    body: createAsyncIterable(chunks),
    signal: new AbortController().signal,
  };
}

const tooBig = expect.objectContaining({ name: "ProtocolError", code: 14 });

describe("readBody", () => {
  it("reads as much as is allowed, and not a byte more", async () => {
    const half = Buffer.alloc(500, 1);
    expect(await readBody(request([half, half]), 1000)).toEqual(Buffer.concat([half, half]));
    await expect(readBody(request([half, half, Buffer.of(1)]), 1000)).rejects.toEqual(tooBig);
  });

  it("stops reading what is too big", async () => {
    let read = 0;
    async function* endless() {
      for (;;) {
        read++;
        yield await Promise.resolve(Buffer.alloc(100));
      }
    }
    await expect(readBody({ ...request([]), body: endless() }, 1000)).rejects.toEqual(tooBig);
    expect(read).toBe(11);
  });

  it("tells a client that went away from a bug", async () => {
    async function* aborted() {
      yield await Promise.resolve(Buffer.from("half"));
      throw new Error("aborted");
    }
    await expect(readBody({ ...request([]), body: aborted() }, 1000)).rejects.toMatchObject({
      name: "ProtocolError",
      code: 1,
    });
  });

  it("decompresses, and counts what comes out too", async () => {
    const body = Buffer.alloc(1000, 7);
    expect(await readBody(request([gzipSync(body)], "gzip"), 1000)).toEqual(body);
    await expect(readBody(request([gzipSync(body)], "gzip"), 999)).rejects.toEqual(tooBig);
  });

  it("outlives a bomb", async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(256 * 1024);
    const before = process.memoryUsage().arrayBuffers;
    await expect(readBody(request([bomb], "gzip"), 256 * 1024)).rejects.toEqual(tooBig);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  });

  it("decompresses once", async () => {
    const inner = gzipSync("body");
    expect(await readBody(request([gzipSync(inner)], "gzip"), 1000)).toEqual(inner);
    expect(await readBody(request([inner], "gzip, gzip"), 1000)).toEqual(inner);
  });

  it("takes a body as it is when it does not know its encoding", async () => {
    expect(await readBody(request([Buffer.from("body")], "deflate"), 1000)).toEqual(Buffer.from("body"));
  });

  it.each([
    ["ends early", gzipSync("body").subarray(0, 15), 1],
    ["is empty", Buffer.alloc(0), 1],
    ["is not gzip", Buffer.from("body"), 3],
    ["has a broken checksum", Buffer.concat([gzipSync("body").subarray(0, -8), Buffer.alloc(8)]), 3],
  ])("refuses gzip that %s", async (_, bytes, code) => {
    await expect(readBody(request([bytes], "gzip"), 1000)).rejects.toMatchObject({ name: "ProtocolError", code });
  });
});

describe("compressBody", () => {
  const big = Buffer.alloc(1025, 1);

  it.each(["gzip", "deflate, gzip;q=0.5", "GZIP", "gzip; q=1"])("compresses for %j", async (accepted) => {
    const compressed = await compressBody(big, accepted);
    expect(compressed && gunzipSync(compressed)).toEqual(big);
  });

  it.each([null, "", "deflate", "gzip;q=0", "gzip; q=0.000", "x-gzip", "*"])("does not for %j", async (accepted) => {
    expect(await compressBody(big, accepted)).toBeUndefined();
  });

  it("does not where it is not worth it", async () => {
    expect(await compressBody(big.subarray(1), "gzip")).toBeUndefined();
  });
});
