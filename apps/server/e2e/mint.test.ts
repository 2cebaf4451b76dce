import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import {
  ErrorCode,
  MachineTokenType,
  type MintMachineTokenRequest,
  MintMachineTokenRequestSchema,
  TokenMinter,
} from "@tokens/api";
import { createPrpcTransport } from "@tokens/client/prpc";
import { tokenFingerprint } from "@tokens/machine-auth/machine-token";
import { toBinary, toJsonString } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mintCall, type MintCallOptions } from "./mint-call.js";
import { hasOpenssl, type Machine, OpensslCa } from "./openssl-fleet.js";
import { repositoryPath, run, type RunningServer, runTokens, startServer } from "./programs.js";

const policy = `
certificate_authority {
  cn: "Example Fleet CA"
  cert_path: "certs/fleet.pem"
  unique_id: 42
  known_domains { domain: "fleet.example.com" machine_token_lifetime: 3600 }
}
certificate_authority {
  cn: "Example Listed CA"
  cert_path: "certs/listed.pem"
  crl_url: "http://127.0.0.1:9/listed.crl"
  unique_id: 43
  known_domains { domain: "fleet.example.com" machine_token_lifetime: 3600 }
}
`;

/** Each call on a connection of its own: while openssl works this process sees no connection end that has been idle. */
function openMinter(baseUrl: string): Client<typeof TokenMinter> {
  const nodeOptions = { agent: new Agent({ keepAlive: false }) };
  return createClient(TokenMinter, createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions }));
}

describe.skipIf(!hasOpenssl)("a fleet with certificates of the openssl command", () => {
  let folder: string;
  let server: RunningServer;
  let minter: Client<typeof TokenMinter>;
  let ca: OpensslCa;
  let listedCa: OpensslCa;
  let machine: Machine;
  let serve: string[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "fleet-"));
    ca = new OpensslCa("Example Fleet CA", join(folder, "ca"));
    listedCa = new OpensslCa("Example Listed CA", join(folder, "listed-ca"));
    machine = ca.issue("host-1.fleet.example.com");
    mkdirSync(join(folder, "config/certs"), { recursive: true });
    writeFileSync(join(folder, "config/tokenserver.cfg"), policy);
    writeFileSync(join(folder, "config/certs/fleet.pem"), readFileSync(ca.certificateFile));
    writeFileSync(join(folder, "config/certs/listed.pem"), readFileSync(listedCa.certificateFile));
    serve = [
      "--config",
      join(folder, "config"),
      "--data",
      join(folder, "data"),
      "--service-account",
      "minter@example.com",
    ];
    server = await startServer(serve);
    minter = openMinter(server.url);
  });

  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function mintToken(): Promise<string> {
    const { tokenResponse } = await minter.mintMachineToken(mintCall(machine.der, machine.key));
    return tokenResponse?.tokenType.value?.machineToken ?? "";
  }

  it("mints a token that the checker accepts", async () => {
    const answer = await minter.mintMachineToken(mintCall(machine.der, machine.key));
    expect(answer).toMatchObject({ errorCode: ErrorCode.SUCCESS, errorMessage: "", serviceVersion: "tokens/0.1.0" });
    const token = answer.tokenResponse?.tokenType.value;
    const checked = await runTokens(["check-token", "--json", "--trust", server.url, token?.machineToken ?? ""]);
    expect(checked.code).toBe(0);
    const row = JSON.parse(checked.stdout) as Record<string, unknown>;
    expect(row).toMatchObject({
      ok: true,
      identity: "bot:host-1.fleet.example.com",
      body: {
        machineFqdn: "host-1.fleet.example.com",
        issuedBy: "minter@example.com",
        lifetime: "3600",
        caId: "42",
        certSn: "EAA=",
      },
    });
  });

  interface Refused {
    name: string;
    code: ErrorCode;
    request: () => MintMachineTokenRequest;
  }
  const call = (other: Machine, options?: MintCallOptions) => mintCall(other.der, other.key, options);
  const minutes = (count: number) => new Date(Date.now() + count * 60_000);
  const refused: Refused[] = [
    {
      name: "an expired certificate",
      code: ErrorCode.UNTRUSTED_CERTIFICATE,
      request: () =>
        call(ca.issue("old.fleet.example.com", { startDate: "20200101000000Z", endDate: "20210101000000Z" })),
    },
    {
      name: "a certificate that is not valid yet",
      code: ErrorCode.UNTRUSTED_CERTIFICATE,
      request: () =>
        call(ca.issue("new.fleet.example.com", { startDate: "20400101000000Z", endDate: "20410101000000Z" })),
    },
    {
      name: "a certificate of an unknown CA",
      code: ErrorCode.UNTRUSTED_CERTIFICATE,
      request: () => call(new OpensslCa("Another CA", join(folder, "another")).issue("host-1.fleet.example.com")),
    },
    {
      name: "a certificate of an impostor with the CA's name",
      code: ErrorCode.UNTRUSTED_CERTIFICATE,
      request: () =>
        call(new OpensslCa("Example Fleet CA", join(folder, "impostor")).issue("host-1.fleet.example.com")),
    },
    {
      name: "a certificate of a CA whose revocation list was never fetched",
      code: ErrorCode.UNTRUSTED_CERTIFICATE,
      request: () => call(listedCa.issue("host-1.fleet.example.com")),
    },
    {
      name: "a certificate that is itself a CA",
      code: ErrorCode.UNTRUSTED_CERTIFICATE,
      request: () => call(ca.issue("sub.fleet.example.com", { extensions: "sub_ca" })),
    },
    {
      name: "a request signed with another key",
      code: ErrorCode.BAD_SIGNATURE,
      request: () => call(machine, { signWith: ca.issue("other.fleet.example.com").key }),
    },
    {
      name: "a clock that is 11 minutes behind",
      code: ErrorCode.BAD_TIMESTAMP,
      request: () => call(machine, { issuedAt: minutes(-11) }),
    },
    {
      name: "a clock that is 11 minutes ahead",
      code: ErrorCode.BAD_TIMESTAMP,
      request: () => call(machine, { issuedAt: minutes(11) }),
    },
    {
      name: "no token type",
      code: ErrorCode.UNSUPPORTED_TOKEN_TYPE,
      request: () => call(machine, { tokenType: MachineTokenType.UNKNOWN_TYPE }),
    },
    { name: "no algorithm", code: ErrorCode.UNSUPPORTED_SIGNATURE, request: () => call(machine, { algorithm: 0 }) },
    {
      name: "garbage for a certificate",
      code: ErrorCode.BAD_CERTIFICATE_FORMAT,
      request: () => mintCall(Buffer.from("not a certificate"), machine.key),
    },
    {
      name: "a domain that is not in the policy",
      code: ErrorCode.BAD_TOKEN_ARGUMENTS,
      request: () => call(ca.issue("host-1.elsewhere.example.com")),
    },
    { name: "a name without a domain", code: ErrorCode.BAD_TOKEN_ARGUMENTS, request: () => call(ca.issue("host-1")) },
  ];

  it.each(refused)("refuses $name", async ({ code, request }) => {
    const headers: Headers[] = [];
    const answer = await minter.mintMachineToken(request(), { onHeader: (header) => headers.push(header) });
    expect(ErrorCode[answer.errorCode]).toBe(ErrorCode[code]);
    expect(answer.tokenResponse).toBeUndefined();
    expect(answer.referenceId).toMatch(/^[0-9a-f]{16}$/);
    expect(headers[0]?.get("x-tokens-reference")).toBe(answer.referenceId);
    await expect.poll(() => server.log()).toContain(answer.referenceId);
  });

  it("answers all that can be wrong with a certificate in the same words", async () => {
    const untrusted = refused.filter(({ code }) => code === ErrorCode.UNTRUSTED_CERTIFICATE);
    const answers = await Promise.all(untrusted.map(({ request }) => minter.mintMachineToken(request())));
    expect(new Set(answers.map((answer) => answer.errorMessage))).toEqual(
      new Set(["invalid or untrusted certificate"]),
    );
  });

  it.each([
    ["an empty request", new Uint8Array()],
    ["garbage", Buffer.from("garbage")],
  ])("refuses %s as an invalid argument, with a reference id", async (_, serializedTokenRequest) => {
    const error = await minter
      .mintMachineToken({ serializedTokenRequest })
      .then(() => Promise.reject(new Error("it answered")), ConnectError.from);
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.metadata.get("x-tokens-reference")).toMatch(/^[0-9a-f]{16}$/);
  });

  it("refuses requests above 64 KiB before it reads them", async () => {
    const error = await minter
      .mintMachineToken({ serializedTokenRequest: new Uint8Array(65 * 1024) })
      .then(() => Promise.reject(new Error("it answered")), ConnectError.from);
    expect(error.code).toBe(Code.ResourceExhausted);
  });

  it.each([
    ["Connect over HTTP/1.1", (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
    ["Connect over HTTP/2", (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "2" })],
    [
      "Connect in JSON",
      (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
    ],
    ["gRPC", (baseUrl: string) => createGrpcTransport({ baseUrl })],
    ["gRPC-Web over HTTP/1.1", (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
    ["pRPC", (baseUrl: string) => createPrpcTransport({ baseUrl })],
    ["gRPC-Web over HTTP/2", (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "2" })],
  ])("speaks %s", async (_, transport) => {
    const client = createClient(TokenMinter, transport(server.url));
    const answer = await client.mintMachineToken(mintCall(machine.der, machine.key), { timeoutMs: 60_000 });
    expect(answer.tokenResponse?.tokenType.value?.machineToken).toMatch(/^[A-Za-z0-9+/]+$/);
  });

  it.each(["connect", "grpc", "grpcweb"])("mints with buf curl over %s, from a request file", async (protocol) => {
    const file = join(folder, `request-${protocol}.json`);
    writeFileSync(file, toJsonString(MintMachineTokenRequestSchema, mintCall(machine.der, machine.key)));
    const url = `${server.url}/tokenserver.minter.TokenMinter/MintMachineToken`;
    const flags = ["--schema", "proto", "--protocol", protocol, "--data", `@${file}`];
    const http2 = protocol === "grpc" ? ["--http2-prior-knowledge"] : [];
    const buf = repositoryPath("node_modules/.bin/buf");
    const { code, stdout, stderr } = await run(buf, ["curl", ...flags, ...http2, url]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const answer = JSON.parse(stdout) as { tokenResponse: { luciMachineToken: { machineToken: string } } };
    const { machineToken } = answer.tokenResponse.luciMachineToken;
    expect((await runTokens(["check-token", "--trust", server.url, machineToken])).code).toBe(0);
  });

  it.each(["prpc", "connect", "grpc"])("serves the agent over %s", async (protocol) => {
    const tokenFile = join(folder, `token-${protocol}.json`);
    const files = ["-pkey-pem", machine.keyFile, "-cert-pem", machine.certificateFile, "-token-file", tokenFile];
    const agent = repositoryPath("apps/tokend/bin/tokend.js");
    const flags = ["-backend", new URL(server.url).host, "-protocol", protocol];
    const { code, stderr } = await run(process.execPath, [agent, ...flags, ...files]);
    expect(code, stderr).toBe(0);
    const written = JSON.parse(readFileSync(tokenFile, "utf8")) as { luci_machine_token: string };
    expect((await runTokens(["check-token", "--trust", server.url, written.luci_machine_token])).code).toBe(0);
  });

  it("takes no compressed requests", async () => {
    const response = await fetch(`${server.url}/tokenserver.minter.TokenMinter/MintMachineToken`, {
      method: "POST",
      headers: { "content-type": "application/proto", "content-encoding": "gzip" },
      body: toBinary(MintMachineTokenRequestSchema, mintCall(machine.der, machine.key)),
    });
    expect(response.status).toBe(501);
    expect(await response.json()).toMatchObject({ code: "unimplemented" });
  });

  it("serves the admin socket, for its owner alone", () => {
    const path = server.admin.replace("unix:", "");
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("writes no token, key or certificate to its log", async () => {
    const token = await mintToken();
    await expect.poll(() => server.log()).toContain(tokenFingerprint(token));
    const log = server.log();
    expect(log).not.toContain(token.slice(-100, -20));
    expect(log).not.toMatch(/PRIVATE KEY|BEGIN CERTIFICATE/);
    expect(log).not.toContain(machine.der.toString("base64").slice(20, 80));
  });

  it("keeps its signing key, for its owner alone, and uses it again after a restart", async () => {
    const before = await (await fetch(`${server.url}/auth/api/v1/server/certificates`)).json();
    const token = await mintToken();
    expect((await server.stop()).code).toBe(0);
    expect(statSync(join(folder, "data/tokens.db")).mode & 0o777).toBe(0o600);
    server = await startServer(serve);
    minter = openMinter(server.url);
    const after = await (await fetch(`${server.url}/auth/api/v1/server/certificates`)).json();
    expect({ ...(after as object), timestamp: 0 }).toEqual({ ...(before as object), timestamp: 0 });
    expect((await runTokens(["check-token", "--trust", server.url, token])).code).toBe(0);
  });
});
