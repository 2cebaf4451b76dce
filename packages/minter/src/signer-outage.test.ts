import { monitorEventLoopDelay } from "node:perf_hooks";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { TokenMinter } from "@tokens/api";
import { trustFromDocument, verifyMachineToken } from "@tokens/machine-auth";
import { toPem } from "@tokens/pki/x509";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CA_NAME, makeFleet, signedRequest } from "../test/fleet.js";
import type { Answer } from "../test/google/answer.js";
import { GoogleServer } from "../test/google/google-server.js";
import { SIGN_KEY } from "../test/google/kms-endpoint.js";
import { DEFAULT_KEY_SETTINGS, startTokenServer, type Storage, type TokenServer } from "./index.js";
import { crc32c } from "./keys/gcp-kms/crc32c.js";
import { openKeyBackend } from "./keys/open-key-backend.js";
import { policyOfFiles } from "./policy.js";
import { openSqliteStorage } from "./storage/sqlite.js";
import { CERTIFICATES_PATH } from "./trust/public-documents.js";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const CALLERS = 8;

let google: GoogleServer;
let storage: Storage;
let server: TokenServer;
let fleet: Awaited<ReturnType<typeof makeFleet>>;
beforeAll(async () => {
  google = await GoogleServer.start();
  storage = await openSqliteStorage(":memory:");
  fleet = await makeFleet();
  const domains = 'known_domains { domain: "fleet.example.com" machine_token_lifetime: 3600 }';
  server = await startTokenServer({
    storage,
    appId: "app",
    serviceAccount: "tokens@example.com",
    serviceVersion: "app/1",
    policySource: policyOfFiles({
      "tokenserver.cfg": `certificate_authority { cn: "${CA_NAME}" cert_path: "ca.pem" unique_id: 7 ${domains} }`,
      "ca.pem": toPem("CERTIFICATE", fleet.ca.certificate),
    }),
    keys: {
      ...DEFAULT_KEY_SETTINGS,
      backend: await openKeyBackend(google.kmsUri(SIGN_KEY), { metadataHost: google.host }),
    },
    log: silent,
  });
});
afterAll(async () => {
  await server.close();
  await storage.close();
  await google.close();
});

/** Calls that go on until they are stopped, and all that came of them. */
class Calls {
  readonly tokens: string[] = [];
  readonly errors: ConnectError[] = [];
  #isOver = false;
  readonly #callers: Promise<void>[];

  constructor() {
    const transport = createRouterTransport(server.routes, { router: server.routerOptions });
    const minter = createClient(TokenMinter, transport);
    const mint = async () => {
      const { tokenResponse } = await minter.mintMachineToken(signedRequest(fleet.machine, Date.now()));
      const { case: kind, value } = tokenResponse?.tokenType ?? expect.fail("a response without a token");
      this.tokens.push(kind === "luciMachineToken" ? value.machineToken : "");
    };
    const goOn = async () => {
      while (!this.#isOver) await mint().catch((error: unknown) => this.errors.push(ConnectError.from(error)));
    };
    this.#callers = Array.from({ length: CALLERS }, goOn);
  }

  /** Waits for some more of these. */
  async more(what: "tokens" | "errors"): Promise<void> {
    const enough = this[what].length + CALLERS;
    await expect.poll(() => this[what].length).toBeGreaterThan(enough);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#callers);
  }
}

const later = (ms: number) => new Promise((resolve) => void setTimeout(resolve, ms));

/** Bends what the signer answers when it is to sign. */
function whenSigning(bend: (right: () => Answer) => Answer | Promise<Answer>): void {
  google.bend = (call, right) => (call.path.endsWith(":asymmetricSign") ? bend(right) : right());
}

/** A signature with one bit wrong, and the checksum of just that. */
function wrongSignature(right: () => Answer): Answer {
  const [status, answer] = right();
  const signature = Buffer.from((answer as { signature: string }).signature, "base64");
  signature.writeUInt8(signature.readUInt8(100) ^ 1, 100);
  return [status, { ...answer, signature: signature.toString("base64"), signatureCrc32c: crc32c(signature) }];
}

/** What the signer does for a while. */
const troubles: [name: string, trouble: (right: () => Answer) => Answer | Promise<Answer>][] = [
  ["fails", () => [503, { error: { code: 503, status: "UNAVAILABLE", message: "down" } }]],
  ["breaks connections", () => [0, {}]],
  ["answers with wrong signatures", wrongSignature],
  ["answers much too late", (right) => later(4_500).then(right)],
];

describe("a token server whose signer", () => {
  it.each(troubles)("%s says only that it is unavailable, and signs again afterwards", async (_, trouble) => {
    const delay = monitorEventLoopDelay();
    const calls = new Calls();
    await calls.more("tokens");
    delay.enable();
    whenSigning(trouble);
    await calls.more("errors");
    whenSigning((right) => right());
    await calls.more("tokens");
    delay.disable();
    await calls.stop();
    for (const { code, metadata } of calls.errors)
      expect([Code[code], metadata.get("retry-after")]).toEqual(["Unavailable", "5"]);
    expectAllGood(calls.tokens);
    expect(delay.max / 1e6).toBeLessThan(2_000);
  });

  it("is slow for a while hands out right tokens all the same, and serves everything else meanwhile", async () => {
    const calls = new Calls();
    let waiting = 0;
    whenSigning(async (right) => {
      waiting++;
      await later(500);
      waiting--;
      return right();
    });
    await expect.poll(() => waiting).toBeGreaterThan(0);
    expect(server.documents.get(CERTIFICATES_PATH)?.()).toContain("BEGIN CERTIFICATE");
    await calls.more("tokens");
    whenSigning((right) => right());
    await calls.stop();
    expect(calls.errors).toEqual([]);
    expectAllGood(calls.tokens);
  });
});

function expectAllGood(tokens: readonly string[]): void {
  const trust = trustFromDocument(server.documents.get(CERTIFICATES_PATH)?.() ?? "");
  const identities = tokens.map((token) => verifyMachineToken(token, trust, { now: Date.now() / 1000 }).identity);
  expect(new Set(identities)).toEqual(new Set(["bot:host-1.fleet.example.com"]));
}
