import { createClient, createRouterTransport } from "@connectrpc/connect";
import { ErrorCode, TokenMinter } from "@tokens/api";
import { MalformedInput } from "@tokens/pki";
import { createCertificateAuthority, issueMachineCertificate, toPem } from "@tokens/pki/x509";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Authority, CA_NAME, makeFleet, signedRequest, type TestMachine } from "../../test/fleet.js";
import { startTokenServer } from "../token-server.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import { CertificateCache } from "./certificate-cache.js";

let ca: Authority;
let machine: TestMachine;
beforeAll(async () => void ({ ca, machine } = await makeFleet()));

describe("CertificateCache", () => {
  it("reads a certificate once after it was found to be trusted, and not before", () => {
    const cache = new CertificateCache();
    const first = cache.read(machine.certificate);
    expect(cache.read(machine.certificate)).not.toBe(first);
    cache.remember(first);
    cache.remember(first);
    expect(cache.read(Buffer.from(machine.certificate))).toBe(first);
  });

  it("keeps no bytes of the request", () => {
    const request = Buffer.concat([machine.certificate]);
    const certificate = new CertificateCache().read(request);
    request.fill(0);
    expect(Buffer.from(certificate.der)).toEqual(Buffer.from(machine.certificate));
  });

  it("tells certificates apart that differ in one bit", () => {
    const cache = new CertificateCache();
    cache.remember(cache.read(machine.certificate));
    for (const at of [machine.certificate.length - 1, Buffer.from(machine.certificate).indexOf("fleet")]) {
      const other = Uint8Array.from(machine.certificate);
      other[at] = (other[at] ?? 0) ^ 1;
      expect(Buffer.from(cache.read(other).der)).toEqual(Buffer.from(other));
      cache.remember(cache.read(other));
      expect(Buffer.from(cache.read(machine.certificate).der)).toEqual(Buffer.from(machine.certificate));
      expect(() => cache.read(other.subarray(1))).toThrow(MalformedInput);
    }
    expect(() => cache.read(new Uint8Array(0))).toThrow(MalformedInput);
  });

  it("forgets those that were remembered long ago", async () => {
    const cache = new CertificateCache(1);
    const certificates = await Promise.all(
      ["a", "b", "c"].map(async (name) => {
        const { certificate } = await issueMachineCertificate(ca, { commonName: `${name}.fleet.example.com` });
        return cache.read(certificate);
      }),
    );
    for (const certificate of certificates) cache.remember(certificate);
    const isKnown = certificates.map((certificate) => cache.read(certificate.der) === certificate);
    expect(isKnown).toEqual([false, true, true]);
  });
});

describe("a certificate that minted before", () => {
  let nowMs = Date.now();
  let isRevoked = false;
  let files: Record<string, string>;
  let server: Awaited<ReturnType<typeof startTokenServer>>;
  let close: () => Promise<void>;
  const policyWith = (authority: Authority) => ({
    "tokenserver.cfg": `certificate_authority { cn: "${CA_NAME}" cert_path: "ca.pem" unique_id: 7 crl_url: "http://c.example.com/"
      known_domains { domain: "fleet.example.com" machine_token_lifetime: 3600 } }`,
    "ca.pem": toPem("CERTIFICATE", authority.certificate),
  });

  beforeAll(async () => {
    files = policyWith(ca);
    const storage = await openSqliteStorage(":memory:");
    server = await startTokenServer({
      storage,
      appId: "app",
      serviceAccount: "tokens@example.com",
      serviceVersion: "v",
      policySource: { read: (path) => Promise.resolve(files[path]) },
      revocations: { find: () => ({ inForceUntilSeconds: Infinity, has: () => isRevoked }) },
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      clock: () => nowMs,
    });
    close = async () => {
      await server.close();
      await storage.close();
    };
  });
  afterAll(() => close());

  async function mint(): Promise<string | undefined> {
    const transport = createRouterTransport(server.routes, { router: server.routerOptions });
    const { errorCode } = await createClient(TokenMinter, transport).mintMachineToken(signedRequest(machine, nowMs));
    return ErrorCode[errorCode];
  }

  it("is refused as soon as it is revoked, and as long", async () => {
    expect(await mint()).toBe("SUCCESS");
    expect(await mint()).toBe("SUCCESS");
    isRevoked = true;
    expect(await mint()).toBe("UNTRUSTED_CERTIFICATE");
    isRevoked = false;
    expect(await mint()).toBe("SUCCESS");
  });

  it("is refused when another CA has the name of its own, and when none has", async () => {
    files = policyWith(await createCertificateAuthority({ commonName: CA_NAME }));
    await server.importPolicy();
    expect(await mint()).toBe("UNTRUSTED_CERTIFICATE");
    files = policyWith(ca);
    await server.importPolicy();
    expect(await mint()).toBe("SUCCESS");
    files = { "tokenserver.cfg": "" };
    await server.importPolicy();
    expect(await mint()).toBe("UNTRUSTED_CERTIFICATE");
    files = policyWith(ca);
    await server.importPolicy();
  });

  it("is refused when it is over", async () => {
    expect(await mint()).toBe("SUCCESS");
    nowMs += 31 * 86_400_000;
    expect(await mint()).toBe("UNTRUSTED_CERTIFICATE");
  });
});
