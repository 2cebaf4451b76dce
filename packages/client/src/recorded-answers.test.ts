import { createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import { createRegistry, type DescMethodUnary, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { ErrorCode, TokenMinter } from "@tokens/api";
import { Admin, CertificateAuthorities } from "@tokens/api/admin";
import { afterEach, beforeAll, expect, it } from "vitest";
import { describeWithVectors, readJsonVector } from "shared-vectors";
import { makeKeyFiles } from "../test/key-files.js";
import { loadMachineKey, type MachineKey, mintMachineToken, type MintError } from "./machine-token.js";
import { createPrpcTransport } from "./prpc-transport.js";

interface Exchange {
  name: string;
  request: { line: string };
  response: { line: string; headers: [name: string, value: string][]; body_hex: string };
}

const registry = createRegistry(TokenMinter, Admin, CertificateAuthorities);

function methodOf({ request }: Exchange): DescMethodUnary | undefined {
  const [, service = "", method = ""] = /^POST \/prpc\/([^/ ?]+)\/([^/ ?]+)/.exec(request.line) ?? [];
  return registry.getService(service)?.methods.find(({ name }) => name === method) as DescMethodUnary | undefined;
}

let server: Server | undefined;
afterEach(() => new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve())));

/** Answers every request with LUCI's bytes, whatever it asks. */
async function answerWith({ response }: Exchange): Promise<string> {
  const lines = [response.line, ...response.headers.map(([name, value]) => `${name}: ${value}`)];
  const bytes = Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), Buffer.from(response.body_hex, "hex")]);
  server = createServer((socket) => {
    let received = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, Buffer.from(chunk)]);
      const head = received.indexOf("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(received.toString("latin1"))?.[1]);
      if (head >= 0 && received.length >= head + 4 + length) socket.end(bytes);
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What LUCI's client makes of an answer when it asked for the binary encoding. */
function meaning({ response }: Exchange, method: DescMethodUnary) {
  const header = (name: string) => response.headers.find(([each]) => each.toLowerCase() === name)?.[1];
  const code = header("x-prpc-grpc-code");
  const body = Buffer.from(response.body_hex, "hex");
  if (code === undefined) return { code: 13 };
  if (code !== "0") return { code: Number(code), message: body.toString("utf8").replace(/\n$/, "") };
  if (header("content-type") !== "application/prpc; encoding=binary") return { code: 13, isFinal: true };
  return { code: 0, message: toBinary(method.output, fromBinary(method.output, body)) };
}

describeWithVectors("LUCI's answers mean the same to our clients", () => {
  const exchanges = readJsonVector<{ cases: Exchange[] }>("prpc/exchanges.json").cases.filter(methodOf);
  const minting = exchanges.filter((exchange) => methodOf(exchange) === TokenMinter.method.mintMachineToken);
  let key: MachineKey;
  beforeAll(async () => {
    const { keyPem, certificatePem } = await makeKeyFiles();
    key = loadMachineKey(keyPem, certificatePem);
  });

  it("has answers of every kind", () => {
    expect(exchanges.length).toBeGreaterThan(80);
    expect(minting.length).toBeGreaterThan(10);
  });

  it.each(exchanges)("to the transport: $name", async (exchange) => {
    const method = methodOf(exchange) ?? expect.fail("no such method");
    const transport = createPrpcTransport({ baseUrl: await answerWith(exchange) });
    const read = await transport.unary(method, undefined, undefined, undefined, {}).then(
      ({ message }) => ({ code: 0, message: toBinary(method.output, message) }),
      (error: ConnectError) => ({ code: error.code, message: error.rawMessage, isFinal: error.cause !== undefined }),
    );
    expect(read).toMatchObject(meaning(exchange, method));
  });

  it.each(minting)("to the lean client: $name", async (exchange) => {
    const expected = meaning(exchange, TokenMinter.method.mintMachineToken);
    const call = { url: await answerWith(exchange), key, protocol: "prpc", timeoutMs: 20_000 } as const;
    const read = await mintMachineToken(call).catch((error: MintError) => error);
    if (!(expected.message instanceof Uint8Array)) {
      const kind = "isFinal" in expected ? "BAD_RESPONSE" : "REFUSED";
      expect(read).toMatchObject({ code: kind, grpcCode: expected.code });
      return;
    }
    const { errorCode, serviceVersion, tokenResponse } = fromBinary(
      TokenMinter.method.mintMachineToken.output,
      expected.message,
    );
    const token = tokenResponse?.tokenType.value;
    const minted = {
      token: token?.machineToken,
      expirySeconds: Number(token?.expiry?.seconds),
      serviceVersion: tokenResponse?.serviceVersion,
    };
    const refused = { code: "REFUSED", errorCode: ErrorCode[errorCode], serviceVersion };
    expect(read).toMatchObject(errorCode === ErrorCode.SUCCESS ? minted : refused);
  });
});
