import type { ServerResponse } from "node:http";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { MachineTokenRequestSchema, MintMachineTokenRequestSchema, MintMachineTokenResponseSchema } from "@tokens/api";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Received, serve, type TestServer } from "../test/http-server.js";
import { makeKeyFiles } from "../test/key-files.js";
import { loadMachineKey, type MachineKey, mintMachineToken, MintError, type MintOptions } from "./machine-token.js";

let key: MachineKey;
let server: TestServer;
beforeAll(async () => {
  const { keyPem, certificatePem } = await makeKeyFiles();
  key = loadMachineKey(keyPem, certificatePem);
});
afterEach(() => server.close());

const token = { case: "luciMachineToken" as const, value: { machineToken: "token", expiry: { seconds: 99n } } };
const good = toBinary(
  MintMachineTokenResponseSchema,
  create(MintMachineTokenResponseSchema, { tokenResponse: { serviceVersion: "v", tokenType: token } }),
);

function answer(response: ServerResponse, status: number, type: string, body: Uint8Array | string): void {
  response.writeHead(status, { "content-type": type }).end(body);
}

async function mintFrom(
  handler: (received: Received, response: ServerResponse) => void,
  options: Partial<MintOptions> = {},
) {
  server = await serve(handler);
  return mintMachineToken({ url: server.url, key, timeoutMs: 60_000, ...options });
}

/** Answers the third call. */
function flaky(): (received: Received, response: ServerResponse) => void {
  let calls = 0;
  return (_, response) =>
    ++calls < 3
      ? answer(response, 503, "application/json", rpcError("unavailable"))
      : answer(response, 200, proto, good);
}

const proto = "application/proto";
const prpc = "application/prpc; encoding=binary";
const rpcError = (code: string) => JSON.stringify({ code, message: "words" });

describe("mintMachineToken", () => {
  it("posts one unary call of the Connect protocol", async () => {
    const minted = await mintFrom((_, response) => answer(response, 200, proto, good));
    expect(minted).toEqual({ token: "token", expirySeconds: 99, serviceVersion: "v" });
    const [{ message, body } = { message: undefined, body: undefined }] = server.received;
    expect(message).toMatchObject({ method: "POST", url: "/tokenserver.minter.TokenMinter/MintMachineToken" });
    expect(message?.headers).toMatchObject({ "content-type": proto, "connect-protocol-version": "1" });
    expect(Number(message?.headers["connect-timeout-ms"])).toBeLessThanOrEqual(60_000);
    expect(fromBinary(MintMachineTokenRequestSchema, body ?? Buffer.alloc(0)).signature).toHaveLength(256);
  });

  it("posts one unary call of LUCI's protocol", async () => {
    const answerPrpc = (_: Received, response: ServerResponse) =>
      void response.writeHead(200, { "x-prpc-grpc-code": "0", "content-type": prpc }).end(good);
    const minted = await mintFrom(answerPrpc, { protocol: "prpc" });
    expect(minted).toEqual({ token: "token", expirySeconds: 99, serviceVersion: "v" });
    const [{ message, body } = { message: undefined, body: undefined }] = server.received;
    expect(message).toMatchObject({ method: "POST", url: "/prpc/tokenserver.minter.TokenMinter/MintMachineToken" });
    expect(message?.headers).toMatchObject({ "content-type": prpc, accept: prpc });
    expect(message?.headers["x-prpc-grpc-timeout"]).toMatch(/^\d+u$/);
    expect(fromBinary(MintMachineTokenRequestSchema, body ?? Buffer.alloc(0)).signature).toHaveLength(256);
  });

  it("reads the errors of LUCI's protocol", async () => {
    const codes = ["14", "13", "8"];
    const minted = mintFrom(
      (_, response) => void response.writeHead(200, { "x-prpc-grpc-code": codes.shift() }).end("words\n"),
      { protocol: "prpc" },
    );
    await expect(minted).rejects.toMatchObject({ code: "REFUSED", grpcCode: 8, message: "rpc error: code 8: words" });
    expect(server.received).toHaveLength(3);
  });

  it("sends the same bytes again while the server is not well", async () => {
    await mintFrom(flaky());
    const bodies = server.received.map(({ body }) => body.toString("hex"));
    expect(bodies).toHaveLength(3);
    expect(new Set(bodies).size).toBe(1);
  });

  it("signs anew for each attempt when the request is for one call only", async () => {
    await mintFrom(flaky(), { serverName: "tokens.example.com" });
    const sent = server.received.map(({ body }) =>
      fromBinary(MachineTokenRequestSchema, fromBinary(MintMachineTokenRequestSchema, body).serializedTokenRequest),
    );
    expect(sent.map(({ serverName }) => serverName)).toEqual(Array.from({ length: 3 }, () => "tokens.example.com"));
    expect(new Set(sent.map(({ nonce }) => Buffer.from(nonce).toString("hex"))).size).toBe(3);
  });

  it.each<[string, number, string, string | Uint8Array, object]>([
    ["an invalid argument", 400, "application/json", rpcError("invalid_argument"), { code: "REFUSED", grpcCode: 3 }],
    ["no permission", 403, "application/json", rpcError("permission_denied"), { code: "REFUSED", grpcCode: 7 }],
    ["a proxy's 401", 401, "text/html", "<p>no</p>", { code: "REFUSED", grpcCode: 16 }],
    ["a page that is not there", 404, "text/plain", "no", { code: "REFUSED", grpcCode: 12 }],
    ["garbage", 200, proto, Buffer.from("ffff", "hex"), { code: "BAD_RESPONSE" }],
    ["an empty answer", 200, proto, "", { code: "BAD_RESPONSE" }],
    ["another content type", 200, "text/html", good, { code: "BAD_RESPONSE" }],
  ])("gives up at once on %s", async (_, status, type, body, expected) => {
    await expect(mintFrom((_received, response) => answer(response, status, type, body))).rejects.toMatchObject(
      expected,
    );
    expect(server.received).toHaveLength(1);
  });

  it.each<[string, number]>([
    ["does not follow redirects", 307],
    ["keeps trying through a gateway's error", 502],
  ])("%s (%i)", async (_, status) => {
    const minted = mintFrom(
      (_received, response) => {
        response.setHeader("location", "/elsewhere");
        answer(response, status, "text/plain", "x");
      },
      { timeoutMs: 500 },
    );
    await expect(minted).rejects.toMatchObject({ code: "UNAVAILABLE", grpcCode: 4 });
    expect(server.received.every(({ message }) => message.url?.startsWith("/tokenserver.minter"))).toBe(true);
  });

  it("ends with its time when the server says nothing", async () => {
    await expect(mintFrom(() => undefined, { timeoutMs: 200 })).rejects.toBeInstanceOf(MintError);
  });

  it("refuses an answer that is too big", async () => {
    const chunk = Buffer.alloc(1024 * 1024);
    const minted = mintFrom((_, response) => {
      response.writeHead(200, { "content-type": proto });
      const more = (): void => {
        if (!response.destroyed) response.write(chunk, more);
      };
      more();
    });
    await expect(minted).rejects.toMatchObject({ code: "BAD_RESPONSE", message: "the response is too big" });
  });

  it("cannot reach a server that is gone", async () => {
    server = await serve(() => undefined);
    await server.close();
    await expect(mintMachineToken({ url: server.url, key, timeoutMs: 300 })).rejects.toMatchObject({ grpcCode: 4 });
  });
});
