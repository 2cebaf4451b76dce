import { generateKeyPairSync } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient, createRouterTransport, type Interceptor } from "@connectrpc/connect";
import { ErrorCode, MintMachineTokenResponseSchema, TokenMinter } from "@tokens/api";
import { toBinary } from "@bufbuild/protobuf";
import { CertificateAuthorities } from "@tokens/api/admin";
import { toPem } from "@tokens/pki/x509";
import type { CrlTerms } from "@tokens/pki/crl";
import { keyUsage, TestCa } from "@tokens/pki/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { KeptLog } from "../test/crl-lists.js";
import { signedRequest } from "../test/fleet.js";
import { listenerKey, localSigner, startTokenServer, type Storage, type TokenServer } from "./index.js";
import { policyOfFiles, type PolicySource } from "./policy.js";
import { openSqliteStorage } from "./storage/sqlite.js";

const NOON = Date.parse("2026-06-01T12:00:00Z");
const HOUR = 3600;
const NAME = "Fleet";

const ca = TestCa.create(NAME);
/** One key for all machines: RSA keys are slow to make, and what a request is signed with comes first. */
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const host = (issuer: TestCa, changes: Parameters<TestCa["issue"]>[1] = {}) =>
  issuer.issue("host-1.fleet.example.com", { privateKey, ...changes });
const machine = host(ca);

/** The server of the CA's lists, which can be away: it then closes every connection. */
let crlServer: Server;
let crlHost: string;
let list: Uint8Array | undefined;
beforeAll(async () => {
  crlServer = createServer((request, response) => void (list ? response.end(list) : request.socket.destroy()));
  await new Promise<void>((resolve) => crlServer.listen(0, "127.0.0.1", resolve));
  crlHost = `127.0.0.1:${(crlServer.address() as AddressInfo).port}`;
});
afterAll(async () => {
  crlServer.closeAllConnections();
  await new Promise((resolve) => crlServer.close(resolve));
});

let storage: Storage;
let server: TokenServer;
let log: KeptLog;
let nowMs: number;
beforeEach(async () => {
  [nowMs, log] = [NOON, new KeptLog()];
  storage = await openSqliteStorage(":memory:");
});
afterEach(async () => {
  await server.close();
  await storage.close();
});

function policyWith(...entries: readonly string[]): PolicySource {
  const domains = 'known_domains { domain: "fleet.example.com" machine_token_lifetime: 3600 }';
  const text = entries.map((entry) => `certificate_authority { cert_path: "ca.pem" ${domains} ${entry} }`).join("\n");
  return policyOfFiles({ "tokenserver.cfg": text, "ca.pem": toPem("CERTIFICATE", ca.certificate) });
}

const fleetEntry = () => `cn: "${NAME}" unique_id: 7 crl_url: "http://${crlHost}/list.crl"`;

async function start(terms: CrlTerms = {}, policySource = policyWith(fleetEntry())): Promise<void> {
  server = await startTokenServer({
    storage,
    appId: "app",
    serviceAccount: "tokens@example.com",
    serviceVersion: "app/1",
    policySource,
    crl: { hosts: new Set([crlHost]), terms },
    signer: localSigner(privateKey, toPem("CERTIFICATE", host(ca).certificate), "k"),
    log,
    clock: () => nowMs,
  });
}

const asAdmin: Interceptor = (next) => (request) => {
  request.contextValues.set(listenerKey, "admin");
  return next(request);
};

function transport(...first: readonly Interceptor[]) {
  const { interceptors = [], ...options } = server.routerOptions;
  return createRouterTransport(server.routes, { router: { ...options, interceptors: [...first, ...interceptors] } });
}

const mint = (from = machine) => createClient(TokenMinter, transport()).mintMachineToken(signedRequest(from, nowMs));
const verdict = async () => ErrorCode[(await mint()).errorCode];
const fetchCrl = () => createClient(CertificateAuthorities, transport(asAdmin)).fetchCRL({ cn: NAME, force: true });

/** What a running server knows of its storage would be too old after a leap of the clock. */
async function restartAt(seconds: number, terms: CrlTerms): Promise<void> {
  await server.close();
  nowMs = NOON + seconds * 1000;
  await start(terms);
}

describe("a server of lists that is away for days", () => {
  it.each<[string, CrlTerms, number]>([
    ["after its nextUpdate and the grace", { graceSeconds: 900 }, 24 * HOUR + 900],
    ["when it is too old", { graceSeconds: 900, maxAgeSeconds: 6 * HOUR }, 6 * HOUR],
  ])("ends minting to the second: %s", async (_when, terms, lastSecond) => {
    list = ca.crl({ number: 1, thisUpdate: new Date(NOON), nextUpdate: new Date(NOON + 24 * HOUR * 1000) });
    await start(terms);
    await fetchCrl();
    expect(await verdict()).toBe("SUCCESS");

    list = undefined;
    await restartAt(lastSecond - 60, terms);
    await expect(fetchCrl()).rejects.toThrow("can't fetch CRL");
    const inForceUntil = new Date(NOON + lastSecond * 1000).toISOString();
    expect(log.lines).toContainEqual(expect.objectContaining({ level: "warn", outcome: "unreachable", inForceUntil }));
    expect(await verdict()).toBe("SUCCESS");

    await restartAt(lastSecond, terms);
    expect(await verdict()).toBe("SUCCESS");
    expect(log.text).not.toContain("CRL_NOT_READY");
    nowMs += 1;
    expect(await verdict()).toBe("UNTRUSTED_CERTIFICATE");
    const over = inForceUntil.replace(".000Z", "Z");
    expect(log.text).toMatch(new RegExp(`CRL_NOT_READY.*it was over at ${over}; the fetch at \\S+ failed: `));

    await restartAt(lastSecond + 60, terms);
    expect(await verdict()).toBe("UNTRUSTED_CERTIFICATE");
    list = ca.crl({ number: 2, thisUpdate: new Date(nowMs), nextUpdate: new Date(nowMs + HOUR * 1000) });
    await fetchCrl();
    expect(await verdict()).toBe("SUCCESS");
  });
});

describe("a certificate that is not trusted", () => {
  it("is refused in the same bytes but the reference id, whatever is wrong with it", async () => {
    const weeks = (count: number) => new Date(NOON + count * 7 * 24 * HOUR * 1000);
    const listed = TestCa.create("Listed");
    const reasons = {
      UNKNOWN_CA: host(TestCa.create("Nobody")),
      "UNKNOWN_CA ": host(TestCa.create("Removed")),
      EXPIRED: host(ca, { notAfter: weeks(-1) }),
      NOT_YET_VALID: host(ca, { notBefore: weeks(1) }),
      BAD_SIGNATURE: host(TestCa.create(NAME)),
      PROFILE: host(ca, { extensions: [keyUsage("keyCertSign")] }),
      REVOKED: host(ca, { serial: 0x5150n }),
      CRL_NOT_READY: host(listed),
    };
    list = ca.crl({ thisUpdate: new Date(NOON), revoked: [0x5150n] });
    const domains = 'known_domains { domain: "fleet.example.com" machine_token_lifetime: 3600 }';
    const never = `certificate_authority { cn: "Listed" cert_path: "listed.pem" unique_id: 8 ${domains} crl_url: "http://127.0.0.1:1/" }`;
    const fleet = `certificate_authority { cert_path: "ca.pem" ${domains} ${fleetEntry()} }`;
    const source = policyOfFiles({
      "tokenserver.cfg": `${fleet}\n${never}`,
      "ca.pem": toPem("CERTIFICATE", ca.certificate),
      "listed.pem": toPem("CERTIFICATE", listed.certificate),
    });
    await start({}, source);
    await fetchCrl();
    const answers = new Map<string, string>();
    for (const [reason, from] of Object.entries(reasons)) {
      const answer = await mint(from);
      const { referenceId } = answer;
      expect(referenceId).toMatch(/^[0-9a-f]{16}$/);
      const logged = log.lines.find((line) => JSON.stringify(line).includes(referenceId));
      expect(JSON.stringify(logged), reason).toContain(reason.trim());
      const bytes = toBinary(MintMachineTokenResponseSchema, { ...answer, referenceId: "" });
      answers.set(reason, Buffer.from(bytes).toString("hex"));
    }
    expect(answers.size).toBe(8);
    expect(new Set(answers.values()).size).toBe(1);
    expect((await mint()).errorCode).toBe(ErrorCode.SUCCESS);
  });
});

/** How many calls are under way at a time. */
const CALLERS = 4;

/** Calls that go on until they are stopped, and what was answered. */
class MintingLoad {
  /** Of the calls that began before the CA went, and after. */
  readonly answers = { before: [] as (string | undefined)[], after: [] as (string | undefined)[] };
  when: "before" | "after" = "before";
  #isOver = false;
  readonly #callers = Array.from({ length: CALLERS }, async () => {
    while (!this.#isOver) {
      const { when } = this;
      this.answers[when].push(await verdict());
      await new Promise((resolve) => void setImmediate(resolve));
    }
  });

  async some(): Promise<void> {
    await expect.poll(() => this.answers[this.when].length).toBeGreaterThan(2 * CALLERS);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#callers);
  }
}

describe("a CA that leaves the policy", () => {
  it("gets no token from the next call on, while calls go on", async () => {
    list = ca.crl({ thisUpdate: new Date(NOON) });
    let policy = policyWith(fleetEntry());
    await start({}, { read: (path) => policy.read(path) });
    await fetchCrl();
    const load = new MintingLoad();
    try {
      await load.some();
      policy = policyWith('cn: "Other" unique_id: 8');
      await expect(server.importPolicy()).rejects.toThrow();
      expect(await verdict()).toBe("SUCCESS");
      policy = policyWith();
      await server.importPolicy();
      expect(await verdict()).toBe("UNTRUSTED_CERTIFICATE");
      load.when = "after";
      await load.some();
      expect(new Set(load.answers.after)).toEqual(new Set(["UNTRUSTED_CERTIFICATE"]));
      expect(load.answers.before).toContain("SUCCESS");
    } finally {
      await load.stop();
    }
  });
});
