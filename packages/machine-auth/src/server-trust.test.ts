import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BundleSigner, bundleOf, makeBundleSigner } from "../test/bundle-signer.js";
import { ISSUED_AT, makeTokenIssuer, type TokenIssuer } from "../test/token-issuer.js";
import { TrustServer } from "../test/trust-server.js";
import { ServerTrust, type ServerTrustParts } from "./server-trust.js";
import type { NumberedRevocation, TrustBundle } from "./trust-bundle.js";
import { openTrustCache, type TrustCache } from "./trust-cache.js";
import { trustDemands, type TrustDocumentOptions } from "./trust-document.js";
import { trustServerUrl } from "./trust-url.js";

let issuer: TokenIssuer;
let signer: BundleSigner;
let server: TrustServer;
let folder: string;
beforeAll(async () => {
  issuer = await makeTokenIssuer();
  signer = makeBundleSigner();
});
beforeEach(async () => {
  server = await new TrustServer(signer).start();
  folder = mkdtempSync(join(tmpdir(), "server-trust-"));
});
afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const nowMs = (ISSUED_AT + 60) * 1000;
const cache = () => openTrustCache(join(folder, "cache"), server.url);

function open(options: TrustDocumentOptions = {}, parts: Partial<ServerTrustParts> = {}): ServerTrust {
  return new ServerTrust({
    url: trustServerUrl(server.url, "by its address"),
    demands: trustDemands(options),
    cache: undefined,
    onCacheFailure: (error) => {
      throw error;
    },
    clock: () => nowMs,
    ...parts,
  });
}

const revoked = (number: number): NumberedRevocation => ({
  number,
  subject: { kind: "machine", fqdn: `host-${number}.example.com` },
  until: Number.POSITIVE_INFINITY,
});
const bundle = (number: number, changes: Partial<TrustBundle> = {}) => bundleOf(issuer, { number, ...changes });
const badDocument = (words: string) =>
  expect.objectContaining({ code: "BAD_DOCUMENT", message: expect.stringContaining(words) as unknown }) as Error;

describe("the trust of a server with a bundle", () => {
  it("is the bundle, as old as its signature", async () => {
    server.publish(bundle(7));
    expect(await open().update()).toMatchObject({ trust: { number: 7 }, ageMs: 60_000 });
    expect(server.log).toEqual(["/trust/v1/bundle -> 200"]);
  });

  it("is not sent again while nothing changes", async () => {
    server.publish(bundle(7));
    const source = open();
    const first = await source.update();
    const second = await source.update();
    expect(second.trust).toBe(first.trust);
    expect(server.log.at(-1)).toBe("/trust/v1/bundle?since=7 -> 304");
  });

  it("is updated by what changed, over many changes and signatures", async () => {
    const source = open();
    const versions = [
      bundle(7, { revocations: [revoked(1), revoked(2)] }),
      bundle(8, { revocations: [revoked(1), revoked(2), revoked(3)] }),
      bundle(8, { revocations: [revoked(1), revoked(2), revoked(3)], signedAt: ISSUED_AT + 30 }),
      bundle(11, { revocations: [revoked(3), revoked(9)] }),
      bundle(12, { keys: [] }),
    ];
    for (const version of versions) {
      server.publish(version);
      const { trust, ageMs } = await source.update();
      expect([trust.number, ageMs]).toEqual([version.number, nowMs - version.signedAt * 1000]);
      for (const each of [1, 2, 3, 9]) {
        const origin = { machineFqdn: `host-${each}.example.com`, caId: 1n, certSn: "01" };
        const isRevoked = version.revocations.some(({ number }) => number === each);
        expect(trust.revocations.machineTokenUntil("x", origin) > 0).toBe(isRevoked);
      }
    }
    expect(server.log.slice(1).every((line) => line.includes("since="))).toBe(true);
  });

  it("is fetched whole when the server does not know what is at hand", async () => {
    server.publish(bundle(7, { revocations: [revoked(1)] }));
    const source = open();
    await source.update();
    server.history.length = 0;
    server.bundle = bundle(20, { revocations: [revoked(2)] });
    expect(await source.update()).toMatchObject({ trust: { number: 20 } });
    expect(server.log.at(-1)).toBe("/trust/v1/bundle?since=7 -> 200");
  });

  it("is fetched whole when an update does not fit", async () => {
    server.publish(bundle(7, { revocations: [revoked(1)] }));
    const source = open();
    await source.update();
    // The server takes another content for number 7 than it published: the sum is not what it signed.
    server.bundle = bundle(7, { revocations: [revoked(2)] });
    server.publish(bundle(8, { revocations: [revoked(2), revoked(3)] }));
    expect(await source.update()).toMatchObject({ trust: { number: 8 } });
    expect(server.log.slice(-2)).toEqual(["/trust/v1/bundle?since=7 -> 200", "/trust/v1/bundle -> 200"]);
  });

  it("never goes back to a lower number, nor to an older signature", async () => {
    const source = open();
    server.publish(bundle(8, { revocations: [revoked(1)], signedAt: ISSUED_AT + 10 }));
    const newest = await source.update();
    server.bundle = bundle(7, { signedAt: ISSUED_AT + 20 });
    await expect(source.update()).rejects.toThrow(badDocument("trust bundle 7 is older than 8"));
    server.bundle = bundle(8, { revocations: [revoked(1)], signedAt: ISSUED_AT });
    expect(await source.update()).toEqual({ trust: newest.trust, ageMs: 50_000 });
  });

  it("is refused when it is not good, and no other document takes its place", async () => {
    server.publish(bundle(7));
    server.certificates = issuer.document;
    const source = open();
    server.tamper = (bytes) => bytes.slice(0, -1);
    await expect(source.update()).rejects.toThrow(badDocument("cannot be used"));
    server.tamper = () => "<html>";
    await expect(source.update()).rejects.toThrow(badDocument("cannot be used"));
    server.failure = 500;
    await expect(source.update()).rejects.toThrow("status 500");
    expect(server.log.every((line) => line.startsWith("/trust/v1/bundle"))).toBe(true);
  });

  it("is of the account and certified by the CA that are demanded", async () => {
    server.publish(bundle(7));
    expect(await open({ ca: signer.caPem, issuer: "minter@example.com" }).update()).toMatchObject({
      trust: { number: 7 },
    });
    await expect(open({ ca: makeBundleSigner().caPem }).update()).rejects.toThrow(badDocument("not certified"));
    await expect(open({ issuer: "other@example.com" }).update()).rejects.toThrow(badDocument("other@example.com"));
  });
});

describe("the trust of a server without a bundle", () => {
  it("is its certificates document", async () => {
    server.certificates = issuer.document;
    expect(await open().update()).toMatchObject({ ageMs: 0, trust: { issuers: issuer.trust.issuers } });
    expect(server.log).toEqual(["/trust/v1/bundle -> 404", "/auth/api/v1/server/certificates -> 200"]);
  });

  it("becomes its bundle as soon as it has one, and nothing else from then on", async () => {
    server.certificates = issuer.document;
    const source = open();
    await source.update();
    server.publish(bundle(7));
    expect(await source.update()).toMatchObject({ trust: { number: 7 } });
    server.bundle = undefined;
    await expect(source.update()).rejects.toThrow("no trust bundle");
  });

  it("is none when a CA is pinned: leaving the bundle out would take revocations back", async () => {
    server.certificates = issuer.document;
    await expect(open({ ca: signer.caPem }).update()).rejects.toThrow("no trust bundle");
  });

  it("is none when it has neither", async () => {
    await expect(open().update()).rejects.toThrow("status 404");
  });
});

describe("the trust that is kept on disk", () => {
  it("is loaded by the next process, and updated from there", async () => {
    server.publish(bundle(7, { revocations: [revoked(1)] }));
    await open({}, { cache: cache() }).update();
    server.publish(bundle(8, { revocations: [revoked(1), revoked(2)] }));
    const next = open({}, { cache: cache() });
    expect(await next.load()).toMatchObject({ trust: { number: 7 }, ageMs: 60_000 });
    expect(await next.update()).toMatchObject({ trust: { number: 8 } });
    expect(server.log.at(-1)).toBe("/trust/v1/bundle?since=7 -> 200");
    expect(await open({}, { cache: cache() }).load()).toMatchObject({ trust: { number: 8 } });
  });

  it("is newer than what the server says: that is refused", async () => {
    server.publish(bundle(8));
    await open({}, { cache: cache() }).update();
    server.bundle = bundle(7);
    const next = open({}, { cache: cache() });
    await next.load();
    await expect(next.update()).rejects.toThrow(badDocument("older than 8"));
    server.bundle = undefined;
    server.certificates = issuer.document;
    await expect(next.update()).rejects.toThrow("no trust bundle");
  });

  it("is checked again: a CA that is pinned since then must have certified it", async () => {
    server.publish(bundle(7));
    await open({}, { cache: cache() }).update();
    expect(await open({ ca: signer.caPem }, { cache: cache() }).load()).toMatchObject({ trust: { number: 7 } });
    await expect(open({ ca: makeBundleSigner().caPem }, { cache: cache() }).load()).rejects.toThrow("not certified");
  });

  it("says of a certificates document when it was fetched", async () => {
    server.certificates = issuer.document;
    await open({}, { cache: cache() }).update();
    const later = open({}, { cache: cache(), clock: () => nowMs + 5000 });
    expect(await later.load()).toMatchObject({ ageMs: 5000, trust: { issuers: issuer.trust.issuers } });
  });

  it("is written at every change, and else no more than every five minutes", async () => {
    let now = nowMs;
    let writes = 0;
    const counting: TrustCache = {
      read: () => Promise.resolve(undefined),
      write: () => Promise.resolve(void writes++),
    };
    const source = open({}, { cache: counting, clock: () => now });
    const steps: [number, TrustBundle][] = [
      [0, bundle(7)],
      [30_000, bundle(7, { signedAt: ISSUED_AT + 30 })],
      [60_000, bundle(8, { signedAt: ISSUED_AT + 60 })],
      [330_000, bundle(8, { signedAt: ISSUED_AT + 330 })],
      [360_000, bundle(8, { signedAt: ISSUED_AT + 360 })],
    ];
    const counts: number[] = [];
    for (const [after, version] of steps) {
      now = nowMs + after;
      server.publish(version);
      await source.update();
      counts.push(writes);
    }
    expect(counts).toEqual([1, 1, 2, 2, 3]);
  });

  it("is not needed: a disk that fails is told of, and costs nothing else", async () => {
    server.publish(bundle(7));
    const failures: unknown[] = [];
    const full = new Error("no space left on device");
    const broken: TrustCache = { read: () => Promise.resolve(undefined), write: () => Promise.reject(full) };
    const source = open({}, { cache: broken, onCacheFailure: (error) => void failures.push(error) });
    expect(await source.update()).toMatchObject({ trust: { number: 7 } });
    expect(failures).toEqual([full]);
  });
});
