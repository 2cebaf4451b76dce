import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { toBinary, toJsonString } from "@bufbuild/protobuf";
import { toText } from "@bufbuild/protobuf/txtpb";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { MintMachineTokenRequestSchema } from "@tokens/api";
import { parseCertificatePem } from "@tokens/pki";
import { GoldenFolder } from "golden-files";
import { describe, expect, it, onTestFinished } from "vitest";
import { signedRequest } from "../test/fleet.js";
import { localSigner, startTokenServer } from "./index.js";
import { policyOfFiles } from "./policy.js";
import { openSqliteStorage } from "./storage/sqlite.js";

const folder = new GoldenFolder(new URL("../testdata/golden/", import.meta.url));
const keyFile = (name: string) => readFileSync(new URL(`../testdata/keys/${name}.pem`, import.meta.url), "utf8");
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

const NOW = "2027-06-01T12:00:00Z";
const url = "http://golden/prpc/tokenserver.minter.TokenMinter/MintMachineToken";

/** The token server of the fixed keys, whose clock stands still. It ends with the test. */
async function openServer() {
  const storage = await openSqliteStorage(":memory:");
  const policySource = policyOfFiles({
    "tokenserver.cfg": `certificate_authority {
      cn: "Golden Fleet CA" cert_path: "ca.pem" unique_id: 42
      known_domains { domain: "golden.example.com" machine_token_lifetime: 3600 }
    }`,
    "ca.pem": keyFile("ca"),
  });
  const server = await startTokenServer({
    storage,
    appId: "golden",
    serviceAccount: "tokens@golden.example.com",
    serviceVersion: "golden/1",
    policySource,
    signer: localSigner(createPrivateKey(keyFile("signing.key")), keyFile("signing.cert"), "golden-1"),
    log: silent,
    clock: () => Date.parse(NOW),
  });
  onTestFinished(async () => {
    await server.close();
    await storage.close();
  });
  return server;
}

/** A request of the machine that has the fixed key. */
const request = signedRequest(
  { privateKey: createPrivateKey(keyFile("machine.key")), certificate: parseCertificatePem(keyFile("machine")).der },
  Date.parse(NOW),
);

const binary = "application/prpc; encoding=binary";
const text = "application/prpc; encoding=text";
const asBinary = toBinary(MintMachineTokenRequestSchema, request);

const calls: Record<string, [headers: Record<string, string>, body: Uint8Array | string]> = {
  "mint-binary": [{ "content-type": binary, accept: binary }, asBinary],
  "mint-json": [
    { "content-type": "application/json", accept: "application/json" },
    toJsonString(MintMachineTokenRequestSchema, request),
  ],
  "mint-text": [{ "content-type": text, accept: text }, toText(MintMachineTokenRequestSchema, request)],
  "refused-by-handler": [{ accept: text }, ""],
  "refused-by-protocol": [{ "content-type": "application/json" }, "["],
  "answer-too-big": [{ accept: "application/json", "x-prpc-max-response-size": "100" }, asBinary],
};

async function exchange(name: string): Promise<string> {
  const [headers, body] = calls[name] ?? expect.fail(`no such call: ${name}`);
  const server = await openServer();
  const answer = await server.prpc({
    httpVersion: "1.1",
    method: "POST",
    url,
    header: new Headers(headers),
    body: createAsyncIterable([Buffer.from(body)]),
    signal: new AbortController().signal,
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body ?? []) chunks.push(chunk);
  const response = {
    status: answer.status,
    headers: Object.fromEntries(answer.header ?? []),
    body: printable(Buffer.concat(chunks)),
  };
  return withoutReference(
    `${JSON.stringify({ request: { headers, body: printable(Buffer.from(body)) }, response }, null, 2)}\n`,
  );
}

/** Text as it is, bytes in hex. */
function printable(bytes: Buffer): string {
  return /^[\n -~]*$/.test(bytes.toString("latin1")) ? bytes.toString("latin1") : bytes.toString("hex");
}

/** A reference id is another for each refusal. */
function withoutReference(written: string): string {
  return written.replace(/("x-tokens-reference": ")[0-9a-f]{16}/, "$1(16 hex digits)");
}

describe("golden exchanges", () => {
  it.each(Object.keys(calls))("%s", async (name) => {
    const now = await exchange(name);
    expect(now).toBe(folder.read(`${name}.json`, () => now));
  });

  it("has no file that nothing makes", () => {
    expect(folder.names()).toEqual(
      Object.keys(calls)
        .map((name) => `${name}.json`)
        .toSorted(),
    );
  });
});
