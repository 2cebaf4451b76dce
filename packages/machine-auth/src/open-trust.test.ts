import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BundleSigner, bundleOf, makeBundleSigner } from "../test/bundle-signer.js";
import { makeTokenIssuer, type TokenIssuer } from "../test/token-issuer.js";
import { TrustServer } from "../test/trust-server.js";
import { authenticator } from "./authenticate.js";
import { type ServerTrustOptions, trustFromFile, trustFromServer, type TrustOptions } from "./open-trust.js";
import type { TrustRefresh } from "./refreshed-trust.js";
import type { TrustBundle } from "./trust-bundle.js";
import type { TrustSource } from "./trust-source.js";

let issuer: TokenIssuer;
let signer: BundleSigner;
let server: TrustServer;
let folder: string;
const sources: TrustSource[] = [];
beforeAll(async () => {
  issuer = await makeTokenIssuer();
  signer = makeBundleSigner();
});
beforeEach(async () => {
  server = await new TrustServer(signer).start();
  folder = mkdtempSync(join(tmpdir(), "open-trust-"));
});
afterEach(async () => {
  sources.splice(0).forEach((source) => source.close());
  await server.stop();
  rmSync(folder, { recursive: true });
});

const seconds = () => Math.floor(Date.now() / 1000);
const bundle = (number: number, changes: Partial<TrustBundle> = {}) =>
  bundleOf(issuer, { number, signedAt: seconds(), ...changes });
const kept = (source: TrustSource) => (sources.push(source), source);
const open = (options: ServerTrustOptions = {}) => kept(trustFromServer(server.url, options));
const unavailable = (code: string) => expect.objectContaining({ name: "TrustUnavailable", code }) as unknown;

/** Waits for a refresh that fits. */
function refreshes() {
  const seen: TrustRefresh[] = [];
  let wake = () => undefined as void;
  const onTrustRefresh = (event: TrustRefresh) => {
    seen.push(event);
    wake();
  };
  const next = async (fits: (event: TrustRefresh) => boolean) => {
    while (!seen.some(fits)) await new Promise<void>((resolve) => (wake = resolve));
    seen.length = 0;
  };
  return { onTrustRefresh, next };
}

describe("trustFromServer", () => {
  it("trusts what the server publishes", async () => {
    server.publish(bundle(7));
    const trust = await open().ready();
    expect([trust.number, [...trust.issuers.keys()]]).toEqual([7, ["minter@example.com"]]);
  });

  it("believes no server that anybody on the way could answer for, unless a CA is pinned", () => {
    expect(() => trustFromServer("http://tokens.example.com")).toThrow(TypeError);
    kept(trustFromServer("http://tokens.invalid", { ca: signer.caPem }));
  });

  it("refuses at once what cannot work", () => {
    expect(() => trustFromServer(server.url, { ca: "hello" })).toThrow(TypeError);
    chmodSync(folder, 0o755);
    expect(() => trustFromServer(server.url, { cacheFolder: folder })).toThrow("chmod 700");
  });

  it("learns of a revocation within a refresh, and ends what a verifier remembers", async () => {
    server.publish(bundle(7));
    const { onTrustRefresh, next } = refreshes();
    const trust = open({ refreshSeconds: 0.05, onTrustRefresh });
    const authenticate = authenticator({ trust });
    const machineTokens = [issuer.token({ issuedAt: seconds() })];
    expect(await authenticate({ machineTokens })).toMatchObject({ status: "confirmed" });
    const subject = { kind: "machine" as const, fqdn: "host-1.example.com" };
    server.publish(bundle(8, { revocations: [{ number: 8, subject, until: Number.POSITIVE_INFINITY }] }));
    await next((event) => event.outcome === "updated" && event.trust.number === 8);
    expect(await authenticate({ machineTokens })).toMatchObject({ status: "invalid", error: { code: "REVOKED" } });
    server.publish(bundle(9));
    await next((event) => event.outcome === "updated" && event.trust.number === 9);
    expect(await authenticate({ machineTokens })).toMatchObject({ status: "confirmed" });
  });

  it("goes on without the server, across a restart, and cannot tell once its trust is too old", async () => {
    const cacheFolder = join(folder, "cache");
    const statusWith = async (options: ServerTrustOptions) => {
      // A new process, as far as a verifier can tell: nothing is left but the disk.
      const authenticate = authenticator({ trust: open(options) });
      return (await authenticate({ machineTokens: [issuer.token({ issuedAt: seconds() })] })).status;
    };
    server.publish(bundle(7, { signedAt: seconds() - 3600 }));
    expect(await statusWith({ cacheFolder })).toBe("confirmed");
    await server.stop();
    expect(await statusWith({ cacheFolder })).toBe("confirmed");
    expect(await statusWith({ cacheFolder, maxStaleSeconds: 86_400 })).toBe("confirmed");
    expect(await statusWith({ cacheFolder, maxStaleSeconds: 3600 })).toBe("unavailable");
    expect(await statusWith({})).toBe("unavailable");
    await server.start();
    server.bundle = bundle(7);
    expect(await statusWith({ cacheFolder, maxStaleSeconds: 3600 })).toBe("confirmed");
  });

  it("stops using a trust in the middle of a run, and goes on when the server is back", async () => {
    server.publish(bundle(7));
    const { onTrustRefresh, next } = refreshes();
    const trust = open({ refreshSeconds: 0.05, maxStaleSeconds: 1, onTrustRefresh });
    const authenticate = authenticator({ trust });
    const machineTokens = [issuer.token({ issuedAt: seconds() })];
    await next((event) => event.outcome === "updated");
    server.failure = 503;
    let status = "";
    while (status !== "unavailable") {
      ({ status } = await authenticate({ machineTokens }));
      expect(["confirmed", "unavailable"]).toContain(status);
      await next((event) => event.outcome === "failed");
    }
    server.failure = undefined;
    server.bundle = bundle(7, { signedAt: seconds() + 3600 });
    await next((event) => event.outcome === "updated");
    expect(await authenticate({ machineTokens })).toMatchObject({ status: "confirmed" });
  });

  it("asks the server once for ten thousand requests with keys that nobody knows, and serves good tokens meanwhile", async () => {
    server.publish(bundle(7));
    const trust = open();
    await trust.ready();
    const authenticate = authenticator({ trust });
    const good = issuer.token({ issuedAt: seconds() });
    const stranger = await makeTokenIssuer();
    const body = stranger.body({ issuedAt: seconds() });
    const before = server.log.length;
    const bad = Array.from({ length: 10_000 }, (_, i) => ({
      machineTokens: [stranger.tokenWithKeyId(body, `key-${i}-${Math.random()}`)],
    }));
    const verdicts = await Promise.all(
      bad.flatMap((each) => [authenticate(each), authenticate({ machineTokens: [good] })]),
    );
    const counted = verdicts.map((verdict) => (verdict.status === "invalid" ? verdict.error.code : verdict.status));
    expect(counted.filter((each) => each === "UNKNOWN_KEY")).toHaveLength(10_000);
    expect(counted.filter((each) => each === "confirmed")).toHaveLength(10_000);
    expect(server.log.length - before).toBe(1);
  });
});

describe("trustFromFile", () => {
  const path = () => join(folder, "trust");
  const openFile = (options: TrustOptions = {}) => kept(trustFromFile(path(), { refreshSeconds: 0.05, ...options }));

  it("reads a document of either form, and reads it again", async () => {
    writeFileSync(path(), issuer.document);
    const { onTrustRefresh, next } = refreshes();
    const source = openFile({ onTrustRefresh });
    expect((await source.ready()).number).toBeUndefined();
    writeFileSync(path(), signer.sign(bundle(7)));
    await next((event) => event.outcome === "updated" && event.trust.number === 7);
    expect(source.current().number).toBe(7);
  });

  it("keeps what it has when the file is damaged, gone, or older than before", async () => {
    writeFileSync(path(), signer.sign(bundle(8)));
    const { onTrustRefresh, next } = refreshes();
    const source = openFile({ onTrustRefresh });
    await source.ready();
    for (const content of ["hello", signer.sign(bundle(7)), undefined]) {
      if (content === undefined) rmSync(path());
      else writeFileSync(path(), content);
      await next((event) => event.outcome === "failed");
      expect(source.current().number).toBe(8);
    }
  });

  it("cannot tell when there is no file, when it is of somebody else, and when it is too old", async () => {
    await expect(openFile().ready()).rejects.toEqual(unavailable("NEVER_FETCHED"));
    writeFileSync(path(), signer.sign(bundle(7)));
    await expect(openFile({ issuer: "other@example.com" }).ready()).rejects.toEqual(unavailable("BAD_DOCUMENT"));
    await expect(openFile({ ca: makeBundleSigner().caPem }).ready()).rejects.toEqual(unavailable("BAD_DOCUMENT"));
    writeFileSync(path(), signer.sign(bundle(7, { signedAt: seconds() - 86_500 })));
    await expect(openFile().ready()).rejects.toEqual(unavailable("STALE"));
  });
});
