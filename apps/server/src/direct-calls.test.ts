import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { BlockList, connect } from "node:net";
import { fromBinary, toBinary, toJsonString } from "@bufbuild/protobuf";
import {
  ErrorCode,
  MachineTokenType,
  MintMachineTokenRequestSchema,
  MintMachineTokenResponseSchema,
} from "@tokens/api";
import { type DirectMethod, localSigner, startTokenServer, type Storage, type TokenServer } from "@tokens/minter";
import { policyOfFiles } from "@tokens/minter/policy";
import { openSqliteStorage } from "@tokens/minter/sqlite";
import { parseCertificatePem } from "@tokens/pki";
import fc from "fast-check";
import { describeWithVectors, readJsonVector, vectorPolicy } from "shared-vectors";
import { soakCount } from "soak-count";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mintCall } from "../e2e/mint-call.js";
import { tokenServerHandler } from "./http-handler.js";
import { listen, type Listener } from "./listener.js";
import { prometheusMetrics } from "./prometheus.js";

const keyFile = (name: string) =>
  readFileSync(new URL(`../../../packages/minter/testdata/keys/${name}.pem`, import.meta.url), "utf8");
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const NOW = Date.parse("2027-06-01T12:00:00Z");
const PATH = "/tokenserver.minter.TokenMinter/MintMachineToken";

const goldenPolicy = policyOfFiles({
  "tokenserver.cfg": `certificate_authority {
    cn: "Golden Fleet CA" cert_path: "ca.pem" unique_id: 42
    known_domains { domain: "golden.example.com" machine_token_lifetime: 3600 }
  }`,
  "ca.pem": keyFile("ca"),
});

/** The same token server behind two ports: one answers plain calls directly, the other leaves all to Connect. */
class TwoPorts {
  /** How many calls were answered directly. */
  direct = 0;
  nowMs = NOW;
  readonly #closing: (() => Promise<void>)[] = [];
  #ports: [Listener, Listener] | undefined;

  async open(policySource = goldenPolicy): Promise<void> {
    const storage: Storage = await openSqliteStorage(":memory:");
    const server = await startTokenServer({
      storage,
      appId: "golden",
      serviceAccount: "tokens@golden.example.com",
      serviceVersion: "golden/1",
      policySource,
      signer: localSigner(createPrivateKey(keyFile("signing.key")), keyFile("signing.cert"), "golden-1"),
      log: silent,
      clock: () => this.nowMs,
    });
    const ports = [this.#counting(server.direct), new Map()] as const;
    const [first, second] = await Promise.all(ports.map((direct) => this.#listen({ ...server, direct })));
    if (!first || !second) throw new Error("a port is missing");
    this.#ports = [first, second];
    this.#closing.push(
      () => first.stop(0),
      () => second.stop(0),
      () => server.close(),
      () => storage.close(),
    );
  }

  async close(): Promise<void> {
    for (const close of this.#closing) await close();
  }

  /** What both ports answer to these bytes. */
  async ask(request: Buffer, pieceBytes = request.length): Promise<[direct: string, connect: string]> {
    const [first, second] = this.#ports ?? [];
    if (!first || !second) throw new Error("not open");
    return Promise.all([exchange(first.port, request, pieceBytes), exchange(second.port, request, pieceBytes)]);
  }

  /** Sends bytes to the direct port and hangs up. */
  async leaveEarly(bytes: Buffer): Promise<void> {
    const socket = connect(this.#ports?.[0].port ?? 0, "127.0.0.1");
    await new Promise((resolve) => socket.write(bytes, resolve));
    socket.destroy();
  }

  #listen(server: TokenServer): Promise<Listener> {
    const parts = { server, metrics: prometheusMetrics(), isReady: () => true, trustedProxies: new BlockList() };
    return listen(tokenServerHandler({ ...parts, listener: "public" }), { host: "127.0.0.1", port: 0 });
  }

  #counting(direct: ReadonlyMap<string, DirectMethod>): ReadonlyMap<string, DirectMethod> {
    const counted = (method: DirectMethod): DirectMethod => ({
      isPlain: (headers) => method.isPlain(headers),
      answer: (call) => {
        this.direct++;
        return method.answer(call);
      },
    });
    return new Map([...direct].map(([path, method]) => [path, counted(method)]));
  }
}

/** Sends bytes and gives what comes back until the server hangs up, without what differs from call to call. */
function exchange(port: number, request: Buffer, pieceBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const sendFrom = (begin: number) => {
      if (begin < request.length) {
        socket.write(request.subarray(begin, begin + pieceBytes), () => setImmediate(sendFrom, begin + pieceBytes));
      }
    };
    const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => sendFrom(0));
    socket.on("data", (chunk) => void chunks.push(chunk)).on("error", reject);
    socket.on("close", () => resolve(withoutReference(Buffer.concat(chunks).toString("latin1"))));
  });
}

function withoutReference(answer: string): string {
  const reference = /^x-tokens-reference: ([0-9a-f]{16})\r$/im.exec(answer)?.[1];
  const dated = answer.replace(/^Date: .*\r$/m, "Date: (now)\r");
  return reference === undefined ? dated : dated.replaceAll(reference, "(reference)");
}

interface Request {
  readonly start?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** A request as it is sent: a plain call, changed as given. */
function written({ start = `POST ${PATH} HTTP/1.1`, headers = {}, body = "" }: Request): Buffer {
  const bytes = Buffer.from(body);
  const all: Record<string, string> = {
    Host: "tokens.example.com",
    "Content-Type": "application/proto",
    "Content-Length": String(bytes.length),
    Connection: "close",
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === "" ? [] : [`${name}: ${value}\r\n`]));
  return Buffer.concat([Buffer.from(`${start}\r\n${lines.join("")}\r\n`, "latin1"), bytes]);
}

const call = (options = {}) =>
  mintCall(parseCertificatePem(keyFile("machine")).der, createPrivateKey(keyFile("machine.key")), {
    issuedAt: new Date(NOW),
    ...options,
  });
const asBinary = (options = {}) => toBinary(MintMachineTokenRequestSchema, call(options));
const asJson = (options = {}) => toJsonString(MintMachineTokenRequestSchema, call(options));
const JSON_TYPE = { "Content-Type": "application/json" };

const ports = new TwoPorts();
beforeAll(() => ports.open());
afterAll(() => ports.close());

describe("a plain call is answered directly as Connect answers it", () => {
  const good = asBinary();
  const plain: Record<string, Request> = {
    "a good one in binary": { body: good },
    "a good one in JSON": { headers: JSON_TYPE, body: asJson() },
    "refused in the response": { body: asBinary({ tokenType: MachineTokenType.UNKNOWN_TYPE }) },
    "refused in the response, in JSON": { headers: JSON_TYPE, body: asJson({ issuedAt: new Date(0) }) },
    "refused as an error": { body: "" },
    "refused as an error, in JSON": { headers: JSON_TYPE, body: "{}" },
    "no message": { body: Buffer.from("0aff", "hex") },
    "no JSON": { headers: JSON_TYPE, body: "[" },
    "an empty body that claims to be JSON": { headers: JSON_TYPE },
    "JSON of another message": { headers: JSON_TYPE, body: '{"unknown":1}' },
    "JSON with a byte order mark": { headers: JSON_TYPE, body: "\ufeff{}" },
    "JSON that is no UTF-8": { headers: JSON_TYPE, body: Buffer.from('{"signature":"\xff"}', "latin1") },
    "a bearer token of nobody": { headers: { Authorization: "Bearer x.y.z" }, body: good },
    "another Authorization": { headers: { Authorization: "Basic eDp5" }, body: good },
    "a machine token that is none": { headers: { "X-Luci-Machine-Token": "none" }, body: good },
    "a project of nobody": { headers: { "X-Luci-Project": "p" }, body: good },
    "an empty machine token": { headers: { "X-Luci-Machine-Token": " " }, body: good },
    "a deadline": { headers: { "Connect-Timeout-Ms": "5000" }, body: good },
    "a deadline longer than a call may take": { headers: { "Connect-Timeout-Ms": "9999999999" }, body: good },
    "a protocol version": { headers: { "Connect-Protocol-Version": "1" }, body: good },
    "another protocol version": { headers: { "Connect-Protocol-Version": "2" }, body: good },
    "a client that takes compression": { headers: { "Accept-Encoding": "gzip, br" }, body: good },
    "a trace": { headers: { Traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01` }, body: good },
    "a kept connection that is closed by HTTP/1.0": { start: `POST ${PATH} HTTP/1.0`, body: good },
    "a client that waits to be told to go on": { headers: { Expect: "100-continue" }, body: good },
    "headers beyond ASCII": { headers: { "User-Agent": "caf\xe9" }, body: good },
  };

  it.each(Object.entries(plain))("%s", async (_, request) => {
    const before = ports.direct;
    const [direct, byConnect] = await ports.ask(written(request));
    expect(direct).toBe(byConnect);
    expect(direct).toMatch(/^HTTP\/1\.1 \d{3} /);
    expect(ports.direct).toBe(before + 1);
  });

  it("hands out a token", async () => {
    const [direct] = await ports.ask(written({ body: good }));
    const body = direct.slice(direct.indexOf("\r\n\r\n") + 4);
    const response = fromBinary(MintMachineTokenResponseSchema, Buffer.from(body, "latin1"));
    expect(response.errorCode).toBe(ErrorCode.SUCCESS);
    expect(response.tokenResponse?.tokenType.case).toBe("luciMachineToken");
  });

  it("whose body comes in pieces", async () => {
    const request = written({ body: good });
    const before = ports.direct;
    const [direct, byConnect] = await ports.ask(request, 100);
    expect([direct, byConnect]).toEqual(await ports.ask(request));
    expect(ports.direct).toBe(before + 2);
  });

  it("and one whose client goes away before its end hurts nobody", async () => {
    const before = ports.direct;
    await ports.leaveEarly(written({ body: good }).subarray(0, -1));
    const [direct, byConnect] = await ports.ask(written({ body: good }));
    expect(direct).toBe(byConnect);
    expect(ports.direct).toBe(before + 1);
  });
});

describe("any other request is left to Connect", () => {
  const good = asBinary();
  const chunked = `${good.length.toString(16)}\r\n${Buffer.from(good).toString("latin1")}\r\n0\r\n\r\n`;
  const odd: Record<string, Request> = {
    "another method": { start: `PUT ${PATH} HTTP/1.1`, body: good },
    "a GET": { start: `GET ${PATH}?encoding=proto&message= HTTP/1.1` },
    "a query": { start: `POST ${PATH}?a=b HTTP/1.1`, body: good },
    "a path that another writes": { start: `POST ${PATH.toLowerCase()} HTTP/1.1`, body: good },
    "another RPC": { start: "POST /tokenserver.minter.TokenMinter/MintDelegationToken HTTP/1.1" },
    "a whole URL": { start: `POST http://tokens.example.com${PATH} HTTP/1.1`, body: good },
    "JSON with its charset": { headers: { "Content-Type": "application/json; charset=utf-8" }, body: asJson() },
    "another type": { headers: { "Content-Type": "text/plain" }, body: good },
    "no type": { headers: { "Content-Type": "" }, body: good },
    "gRPC-Web": { headers: { "Content-Type": "application/grpc-web+proto" }, body: good },
    "a compressed body": { headers: { "Content-Encoding": "gzip" }, body: good },
    "an encoding that says nothing": { headers: { "Content-Encoding": "identity" }, body: good },
    "a body in chunks": {
      headers: { "Content-Length": "", "Transfer-Encoding": "chunked" },
      body: Buffer.from(chunked, "latin1"),
    },
    "no length": { headers: { "Content-Length": "" } },
    "a body that is too long": { body: Buffer.alloc(64 * 1024 + 1) },
    "no deadline where one stands": { headers: { "Connect-Timeout-Ms": "soon" }, body: good },
    "two deadlines": { headers: { "Connect-Timeout-Ms": "5", "connect-timeout-ms": "6" }, body: good },
    "a cookie that a server sets": { headers: { "Set-Cookie": "a=b" }, body: good },
    "a host that is none": { headers: { Host: "a b" }, body: good },
  };

  it.each(Object.entries(odd))("%s", async (_, request) => {
    const before = ports.direct;
    const [direct, byConnect] = await ports.ask(written(request));
    expect(direct).toBe(byConnect);
    expect(direct).toMatch(/^HTTP\/1\.1 \d{3} /);
    expect(ports.direct).toBe(before);
  });
});

it("answers whatever is sent as Connect does", async () => {
  const good = Buffer.from(asBinary());
  const changed = fc
    .tuple(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length))
    .map(([at, byte, end]) => Buffer.concat([good.subarray(0, at), Buffer.of(byte), good.subarray(at + 1, end)]));
  const oneOf = (...values: string[]) => fc.constantFrom("", ...values);
  const headers = fc.record({
    "Content-Type": oneOf("application/proto", "application/json", "application/JSON", "application/grpc-web"),
    "Content-Encoding": oneOf("", "", "gzip", "br"),
    "Connect-Timeout-Ms": oneOf("", "100", "-1", "12345678901"),
    "Connect-Protocol-Version": oneOf("1", "2"),
    "Accept-Encoding": oneOf("gzip"),
    Authorization: oneOf("", "", "Bearer a.b.c"),
  });
  const body = fc.oneof(changed, fc.constant(good), fc.uint8Array({ maxLength: 64 }), fc.json().map(Buffer.from));
  await fc.assert(
    fc.asyncProperty(headers, body, async (given, bytes) => {
      const [direct, byConnect] = await ports.ask(written({ headers: given, body: bytes }));
      expect(direct).toBe(byConnect);
    }),
    { numRuns: soakCount(2000) },
  );
});

describeWithVectors("the requests of the golden vectors are answered directly as by Connect", () => {
  const { cases } = readJsonVector<{ cases: { name: string; clock: string; request_hex: string }[] }>(
    "mint-request/cases.json",
  );
  const fleet = new TwoPorts();
  beforeAll(() => fleet.open(vectorPolicy));
  afterAll(() => fleet.close());

  it.each(cases)("$name", async ({ clock, request_hex: hex }) => {
    fleet.nowMs = Date.parse(clock.replace(/(\.\d{3})\d*Z$/, "$1Z"));
    const before = fleet.direct;
    const [direct, byConnect] = await fleet.ask(written({ body: Buffer.from(hex, "hex") }));
    expect(direct).toBe(byConnect);
    expect(fleet.direct).toBe(before + 1);
  });
});
