import type { ServerResponse } from "node:http";
import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { MintMachineTokenRequestSchema, MintMachineTokenResponseSchema, TokenMinter } from "@tokens/api";
import { afterEach, describe, expect, it } from "vitest";
import { serve, type TestServer } from "../test/http-server.js";
import { makeKeyFiles } from "../test/key-files.js";
import { loadMachineKey, TokenClient } from "./index.js";
import { createPrpcTransport } from "./prpc-transport.js";

let server: TestServer;
afterEach(() => server.close());

const response = create(MintMachineTokenResponseSchema, { serviceVersion: "v" });
const good = toBinary(MintMachineTokenResponseSchema, response);

async function transportTo(answer: (response: ServerResponse) => void) {
  server = await serve((_, out) => answer(out));
  return createPrpcTransport({ baseUrl: `${server.url}/` });
}

const clientOf = async (answer: (response: ServerResponse) => void) =>
  createClient(TokenMinter, await transportTo(answer));

const succeed = (out: ServerResponse) =>
  void out.writeHead(200, { "x-prpc-grpc-code": "0", "x-extra": "1", "set-cookie": ["a", "b"] }).end(good);

const fail =
  (code: number, headers = {}) =>
  (out: ServerResponse) =>
    void out.writeHead(400, { "x-prpc-grpc-code": String(code), ...headers }).end("words\n");

describe("createPrpcTransport", () => {
  it("posts a message and reads the answer, with headers both ways", async () => {
    const client = await clientOf(succeed);
    const seen: Headers[] = [];
    const request = create(MintMachineTokenRequestSchema, { signature: Uint8Array.of(1, 2) });
    const answer = await client.mintMachineToken(request, {
      headers: { "X-Mine": "yes" },
      timeoutMs: 60_000,
      onHeader: (headers) => seen.push(headers),
    });
    expect(answer).toEqual(response);
    expect(seen[0]?.get("x-extra")).toBe("1");
    const { message, body } = server.received[0] ?? {};
    expect(message).toMatchObject({ method: "POST", url: "/prpc/tokenserver.minter.TokenMinter/MintMachineToken" });
    expect(message?.headers).toMatchObject({
      "content-type": "application/prpc; encoding=binary",
      "x-prpc-grpc-timeout": "60000000u",
      "x-mine": "yes",
    });
    expect(body).toEqual(Buffer.from(toBinary(MintMachineTokenRequestSchema, request)));
  });

  it("lets interceptors see and change a call", async () => {
    server = await serve((_, out) => succeed(out));
    const transport = createPrpcTransport({
      baseUrl: server.url,
      interceptors: [
        (next) => (request) => {
          request.header.set("authorization", "Bearer x");
          return next(request);
        },
      ],
    });
    await createClient(TokenMinter, transport).mintMachineToken({});
    expect(server.received[0]?.message.headers.authorization).toBe("Bearer x");
  });

  it("reads an error with its details and headers", async () => {
    const any = { typeUrl: "type.googleapis.com/tokenserver.minter.MintMachineTokenResponse", value: good };
    const details = Buffer.from(toBinary(AnySchema, create(AnySchema, any))).toString("base64");
    const client = await clientOf(fail(5, { "x-prpc-status-details-bin": details, "x-tokens-reference": "id" }));
    const error = await client.mintMachineToken({}).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.NotFound, rawMessage: "words", cause: undefined });
    expect((error as ConnectError).findDetails(MintMachineTokenResponseSchema)).toEqual([response]);
    expect((error as ConnectError).metadata.get("x-tokens-reference")).toBe("id");
  });

  it("ends with the deadline, and with its signal", async () => {
    const client = await clientOf(() => undefined);
    await expect(client.mintMachineToken({}, { timeoutMs: 50 })).rejects.toMatchObject({
      code: Code.DeadlineExceeded,
    });
    const signal = AbortSignal.timeout(50);
    await expect(client.mintMachineToken({}, { signal })).rejects.toMatchObject({ code: Code.Canceled });
  });

  it("says what cannot be reached", async () => {
    const client = await clientOf(() => undefined);
    await server.close();
    await expect(client.mintMachineToken({})).rejects.toMatchObject({ code: Code.Internal });
  });

  it("has no streaming calls", async () => {
    const transport = await transportTo(succeed);
    // No service of ours streams: the transport refuses before it looks at the method.
    const streaming = TokenMinter.method.mintMachineToken as never;
    async function* nothing() {}
    const stream = transport.stream(streaming, undefined, undefined, undefined, nothing());
    await expect(stream).rejects.toMatchObject({ code: Code.Unimplemented });
  });
});

describe("TokenClient over pRPC", () => {
  it.each<[string, (out: ServerResponse) => void, object]>([
    ["a refusal", fail(3), { code: "REFUSED", grpcCode: 3 }],
    ["an outage", fail(14), { code: "UNAVAILABLE", grpcCode: 14 }],
    [
      "garbage",
      (out) => void out.writeHead(200, { "x-prpc-grpc-code": "0" }).end(Buffer.from("ffff", "hex")),
      { code: "BAD_RESPONSE", grpcCode: 13 },
    ],
    [
      "another content type",
      (out) => void out.writeHead(200, { "x-prpc-grpc-code": "0", "content-type": "text/html" }).end("<p>"),
      { code: "BAD_RESPONSE", grpcCode: 13 },
    ],
  ])("knows what to do about %s", async (_, answer, expected) => {
    const { keyPem, certificatePem } = await makeKeyFiles();
    const client = new TokenClient(await transportTo(answer));
    const minted = client.mintMachineToken(loadMachineKey(keyPem, certificatePem), { attempts: 1 });
    await expect(minted).rejects.toMatchObject(expected);
  });
});
