import { gzipSync } from "node:zlib";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { TokenMinter } from "@tokens/api";
import fc from "fast-check";
import { expect, it } from "vitest";
import { soakCount } from "soak-count";
import { prpcHandler } from "./prpc.js";

const bugs: unknown[] = [];
const note = () => undefined;
const log = { info: note, warn: note, error: (fields: unknown) => void bugs.push(fields) };
const handle = prpcHandler(
  (router) => void router.rpc(TokenMinter.method.mintMachineToken, () => ({ serviceVersion: "v" })),
  { readMaxBytes: 1000 },
  log,
);

const good = "/prpc/tokenserver.minter.TokenMinter/MintMachineToken";
const mediaType = fc.constantFrom(
  "application/prpc",
  "application/json",
  "application/prpc; encoding=text",
  "*/*",
  "a/b",
);
const odd = fc.string({ unit: fc.constantFrom(..."a S m u 0 1 - ; = , / . +".split(" "), " ", '"'), maxLength: 12 });
const headers = fc.record(
  {
    "content-type": fc.oneof(mediaType, odd),
    accept: fc.oneof(
      mediaType,
      odd,
      fc.tuple(mediaType, odd).map(([type, rest]) => `${type};q=${rest}`),
    ),
    "x-prpc-grpc-timeout": fc.oneof(odd, fc.constant("10S")),
    "x-prpc-max-response-size": fc.oneof(odd, fc.nat().map(String)),
    "content-encoding": fc.constantFrom("gzip", "deflate", "gzip, gzip"),
    "accept-encoding": fc.oneof(fc.constant("gzip"), odd),
    "x-odd-bin": odd,
  },
  { requiredKeys: [] },
);
const plain = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom("{}", "", "[", "signature: 'x'", '{"signature":"AQI="}').map((text) => Buffer.from(text)),
  fc.integer({ min: 990, max: 1010 }).map((size) => Buffer.alloc(size, " ")),
);
const body = fc.oneof(
  plain,
  plain.map((bytes) => gzipSync(bytes)),
);
const call = fc.record({
  method: fc.oneof({ weight: 9, arbitrary: fc.constant("POST") }, fc.constantFrom("GET", "OPTIONS", "X")),
  path: fc.oneof({ weight: 9, arbitrary: fc.constant(good) }, fc.constantFrom(`${good}/`, "/prpc/", "/prpc/a/b", "/x")),
  headers,
  body,
});

it("answers whatever comes, and takes nothing for a bug", async () => {
  const check = fc.asyncProperty(call, async ({ method, path, headers: given, body: bytes }) => {
    const header = new Headers(given);
    const [url, signal] = [`http://a${path}`, new AbortController().signal];
    const request = { httpVersion: "1.1", url, method, header, body: createAsyncIterable([bytes]), signal };
    const { status } = await handle(request);
    expect([200, 307, 400, 404, 405, 406, 415, 499, 501, 503]).toContain(status);
    expect(bugs).toEqual([]);
  });
  await fc.assert(check, { numRuns: soakCount(20_000, 20) });
});
