import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { MintMachineTokenRequestSchema, MintMachineTokenResponseSchema } from "@tokens/api";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { startProxy } from "../test/http-proxy.js";
import { makeKeyFiles } from "../test/key-files.js";
import { loadMachineKey, type MachineKey, mintMachineToken, type MintOptions } from "./machine-token.js";

interface Call {
  readonly headers: Record<string, unknown>;
  readonly body: Buffer;
}

let key: MachineKey;
let server: Http2Server | undefined;
beforeAll(async () => {
  const { keyPem, certificatePem } = await makeKeyFiles();
  key = loadMachineKey(keyPem, certificatePem);
});
afterEach(() => server?.close());

/** An HTTP/2 server on loopback that answers each call by hand; its URL and what it got. */
async function serve(answer: (stream: ServerHttp2Stream) => void): Promise<{ url: string; calls: Call[] }> {
  const calls: Call[] = [];
  const open = createServer();
  server = open;
  open.on("stream", (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("error", () => undefined);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      calls.push({ headers, body: Buffer.concat(chunks) });
      answer(stream);
    });
  });
  await new Promise<void>((resolve) => open.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(open.address() as AddressInfo).port}`, calls };
}

function frame(message: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const token = { case: "luciMachineToken" as const, value: { machineToken: "token", expiry: { seconds: 99n } } };
const good = toBinary(
  MintMachineTokenResponseSchema,
  create(MintMachineTokenResponseSchema, { tokenResponse: { serviceVersion: "v", tokenType: token } }),
);

/** Answers with a body and with trailers, or with the trailers alone. */
function respond(body: Buffer | undefined, trailers: Record<string, string>, status = 200) {
  return (stream: ServerHttp2Stream): void => {
    const headers = { ":status": status, "content-type": "application/grpc+proto" };
    if (!body) return stream.respond({ ...headers, ...trailers }, { endStream: true });
    stream.respond(headers, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(body);
  };
}

const mint = (url: string, options: Partial<MintOptions> = {}) =>
  mintMachineToken({ url, key, timeoutMs: 60_000, attempts: 1, protocol: "grpc", ...options });

describe("a call over gRPC", () => {
  it("is one message with its length in front, and its answer's message is read", async () => {
    const { url, calls } = await serve(respond(frame(good), { "grpc-status": "0" }));
    expect(await mint(url)).toEqual({ token: "token", expirySeconds: 99, serviceVersion: "v" });
    const [{ headers, body } = { headers: {}, body: Buffer.alloc(0) }] = calls;
    expect(headers).toMatchObject({
      ":method": "POST",
      ":path": "/tokenserver.minter.TokenMinter/MintMachineToken",
      "content-type": "application/grpc+proto",
      te: "trailers",
    });
    expect(headers["grpc-timeout"]).toMatch(/^\d{1,8}[HMSmun]$/);
    expect([body[0], body.readUInt32BE(1)]).toEqual([0, body.length - 5]);
    expect(fromBinary(MintMachineTokenRequestSchema, body.subarray(5)).signature).toHaveLength(256);
  });

  it("goes through a tunnel of a proxy", async () => {
    const { url } = await serve(respond(frame(good), { "grpc-status": "0" }));
    const proxy = await startProxy();
    const minted = await mint(url, { connection: { proxy: new URL(proxy.url) } });
    expect(minted.token).toBe("token");
    expect(proxy.asked.map(({ target }) => target)).toEqual([new URL(url).host]);
    proxy.close();
  });

  it.each([
    ["a refusal", respond(undefined, { "grpc-status": "7", "grpc-message": "not%20you" }), "REFUSED", 7, "not you"],
    ["a refusal after headers", respond(Buffer.alloc(0), { "grpc-status": "3" }), "REFUSED", 3, "code 3"],
    ["an outage", respond(undefined, { "grpc-status": "14", "grpc-message": "later" }), "UNAVAILABLE", 14, "later"],
    [
      "words that are not encoded",
      respond(undefined, { "grpc-status": "7", "grpc-message": "100%" }),
      "REFUSED",
      7,
      "100%",
    ],
    ["a proxy's 503", respond(undefined, {}, 503), "UNAVAILABLE", 14, "HTTP status 503"],
    ["a page that is not there", respond(undefined, {}, 404), "REFUSED", 12, "HTTP status 404"],
    ["no status at all", respond(frame(good), {}), "UNAVAILABLE", 2, "HTTP status 200"],
    [
      "half a message",
      respond(frame(good).subarray(0, 20), { "grpc-status": "0" }),
      "BAD_RESPONSE",
      13,
      "not one gRPC",
    ],
    [
      "two messages",
      respond(Buffer.concat([frame(good), frame(good)]), { "grpc-status": "0" }),
      "BAD_RESPONSE",
      13,
      "",
    ],
    ["a compressed message", respond(frame(good, 1), { "grpc-status": "0" }), "BAD_RESPONSE", 13, "not one gRPC"],
    [
      "an answer that breaks off",
      (stream: ServerHttp2Stream) => stream.close(2),
      "UNAVAILABLE",
      13,
      "cannot be reached",
    ],
  ] as const)("tells %s from a token", async (_, answer, code, grpcCode, words) => {
    const { url } = await serve(answer);
    const failure = await mint(url).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "MintError", code, grpcCode });
    expect((failure as Error).message).toContain(words);
  });

  it.each([
    [401, "REFUSED", 16],
    [403, "REFUSED", 7],
    [404, "REFUSED", 12],
    [500, "UNAVAILABLE", 2],
    [503, "UNAVAILABLE", 14],
  ] as const)("believes HTTP status %i, and not the yes beside it", async (status, code, grpcCode) => {
    const { url } = await serve(respond(frame(good), { "grpc-status": "0" }, status));
    const message = `rpc error: code ${grpcCode}: HTTP status ${status}`;
    await expect(mint(url)).rejects.toMatchObject({ name: "MintError", code, grpcCode, message });
  });

  it("says that nobody listens, and that who listens speaks no HTTP/2", async () => {
    await expect(mint("http://127.0.0.1:1")).rejects.toMatchObject({ code: "UNAVAILABLE", grpcCode: 13 });
    const { createServer: createHttp1Server } = await import("node:http");
    const http1 = createHttp1Server((_request, response) => void response.end("hello"));
    await new Promise<void>((resolve) => http1.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(http1.address() as AddressInfo).port}`;
    await expect(mint(url)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    http1.close();
  });

  it("ends when it takes too long", async () => {
    const { url } = await serve(() => undefined);
    await expect(mint(url, { timeoutMs: 300 })).rejects.toMatchObject({ code: "UNAVAILABLE", grpcCode: 4 });
  });
});
