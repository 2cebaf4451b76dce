import { request as httpRequest } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { BlockList } from "node:net";
import { gzipSync } from "node:zlib";
import { startTokenServer, type Storage, type TokenServer } from "@tokens/minter";
import { policyOfFiles } from "@tokens/minter/policy";
import { openSqliteStorage } from "@tokens/minter/sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tokenServerHandler } from "./http-handler.js";
import { listen, type Listener } from "./listener.js";
import { portGuard } from "./port-guard.js";
import { prometheusMetrics } from "./prometheus.js";

const KIB = 1024;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
let listener: Listener;
let server: TokenServer;
let storage: Storage;

beforeAll(async () => {
  storage = await openSqliteStorage(":memory:");
  server = await startTokenServer({
    appId: "app",
    serviceAccount: "minter@example.com",
    serviceVersion: "v",
    policySource: policyOfFiles({}),
    storage,
    log: silent,
  });
  const metrics = prometheusMetrics();
  const parts = { server, metrics, isReady: () => true, trustedProxies: new BlockList() };
  const handler = tokenServerHandler({ ...parts, listener: "public" });
  listener = await listen(handler, { host: "127.0.0.1", port: 0 }, undefined, portGuard(100, metrics));
});

afterAll(async () => {
  await listener.stop(0);
  await server.close();
  await storage.close();
});

const MINT = "tokenserver.minter.TokenMinter/MintMachineToken";
const DELEGATE = "tokenserver.minter.TokenMinter/MintDelegationToken";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A POST of HTTP/1.1, its length announced or in chunks. */
function post(path: string, headers: Record<string, string>, body: Uint8Array, isChunked = false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: "127.0.0.1",
      port: listener.port,
      path,
      method: "POST",
      agent: false,
      headers,
    });
    request.on("error", reject).on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += String(chunk)));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    if (isChunked) request.write(body.subarray(0, 1));
    request.end(isChunked ? body.subarray(1) : body);
  });
}

/** A message of that many bytes: one unknown field, which a request may have. */
function messageOf(bytes: number): Buffer {
  for (const lengthBytes of [1, 2, 3]) {
    const content = bytes - 3 - lengthBytes;
    const length: number[] = [];
    for (let rest = content; length.length < lengthBytes; rest = Math.floor(rest / 128)) length.push(rest % 128);
    const hasRoom = content < 128 ** lengthBytes && content >= 0;
    if (!hasRoom) continue;
    const prefix = length.map((byte, index) => (index < lengthBytes - 1 ? byte | 0x80 : byte));
    return Buffer.concat([Buffer.of(0xca, 0xff, 0x7f, ...prefix), Buffer.alloc(content)]);
  }
  throw new RangeError("no such message");
}

describe("attack 14: oversize input", () => {
  const protocols = [
    ["Connect", "/", "application/proto"],
    ["pRPC", "/prpc/", "application/prpc; encoding=binary"],
  ] as const;
  const limits = [
    [MINT, 64 * KIB],
    [DELEGATE, 256 * KIB],
  ] as const;
  const cases = protocols.flatMap(([name, prefix, type]) =>
    limits.flatMap(([method, bytes]) =>
      [false, true].map((isChunked) => [name, method.split("/")[1], isChunked, prefix + method, type, bytes] as const),
    ),
  );

  it.each(cases)(
    "a body of %s for %s (in chunks: %s) is read up to its limit",
    async (name, _, isChunked, path, type, bytes) => {
      const ask = (size: number) => post(path, { "content-type": type }, messageOf(size), isChunked);
      const [most, over] = [await ask(bytes), await ask(bytes + 1)];
      const tooLarge = name === "pRPC" ? /exceeds the server limit/ : /resource_exhausted/;
      expect(most.text).not.toMatch(tooLarge);
      expect(most.status).toBeLessThan(500);
      expect(over.text).toMatch(tooLarge);
    },
  );

  it("headers have at most 16 KiB in all", async () => {
    const ask = async (bytes: number) => {
      const headers = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`x-${n}`, "x".repeat(bytes / 10)]));
      return (await post(`/${MINT}`, { "content-type": "application/proto", ...headers }, messageOf(10))).status;
    };
    expect(await ask(15 * KIB)).not.toBe(431);
    expect(await ask(17 * KIB)).toBe(431);
  });

  it("headers of HTTP/2 have, too", async () => {
    const ask = async (bytes: number) => {
      const session = connectHttp2(`http://127.0.0.1:${listener.port}`);
      const headers = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`x-${n}`, "x".repeat(bytes / 10)]));
      const stream = session.request({ ":path": "/healthz", ...headers });
      const status = await new Promise((resolve) => {
        stream.on("response", (answer) => resolve(answer[":status"])).on("error", () => resolve("refused"));
        stream.on("close", () => resolve("refused"));
        session.on("error", () => resolve("refused"));
      });
      session.destroy();
      return status;
    };
    expect(await ask(15 * KIB)).toBe(200);
    expect(await ask(17 * KIB)).toBe(431);
  });

  it("a million entries of a list are refused before they are looked at one by one", async () => {
    const entries = Buffer.alloc(3 * 85_000, Buffer.of(0x1a, 1, 0x78));
    const answer = await post(`/${DELEGATE}`, { "content-type": "application/proto" }, entries);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    const million = Buffer.alloc(3_000_000, Buffer.of(0x1a, 1, 0x78));
    const over = await post(`/${DELEGATE}`, { "content-type": "application/proto" }, million, true).catch(
      () => "cut off",
    );
    expect(over === "cut off" || (over as Answer).text.includes("resource_exhausted")).toBe(true);
  });
});

describe("attack 15: decompression bombs", () => {
  const bomb = gzipSync(Buffer.alloc(200 * KIB * KIB));
  const prpc = { "content-type": "application/prpc; encoding=binary", "content-encoding": "gzip" };

  it.each([
    ["gzip", bomb.subarray(0, 64 * KIB)],
    ["gzip in gzip", gzipSync(bomb)],
  ])("%s is no way around the limit of a message", async (_, body) => {
    const before = process.memoryUsage().arrayBuffers;
    const answer = await post(`/prpc/${MINT}`, prpc, body);
    expect(answer.headers["x-prpc-grpc-code"]).toMatch(/^(1|3|14)$/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * KIB * KIB);
  });

  it.each(["gzip", "br", "deflate", "gzip, gzip"])("Connect takes no %s", async (encoding) => {
    const headers = { "content-type": "application/proto", "content-encoding": encoding };
    expect((await post(`/${MINT}`, headers, gzipSync(messageOf(100)))).text).toContain("unimplemented");
  });
});
