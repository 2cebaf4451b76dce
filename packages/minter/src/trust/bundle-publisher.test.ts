import type { RevokedSubject } from "@tokens/machine-auth";
import { trustFromDocument } from "@tokens/machine-auth";
import {
  applyTrustBundleDelta,
  decodeSignedTrustBundle,
  decodeTrustBundle,
  encodeSignedTrustBundle,
} from "@tokens/machine-auth/trust-bundle";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { silent } from "../../test/reports.js";
import { Unavailable } from "../errors.js";
import type { Signer } from "../keys/signer.js";
import { DEFAULT_KEY_SETTINGS, SigningKeys } from "../keys/signing-keys.js";
import { noMetrics } from "../metrics.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { Storage } from "../storage/storage.js";
import { StorageUnavailable } from "../storage/storage-unavailable.js";
import { BundlePublisher } from "./bundle-publisher.js";
import { forgetfulNumber } from "./published-number.js";
import { RevocationFeed } from "./revocation-feed.js";

let storage: Storage;
let keys: SigningKeys;
let feed: RevocationFeed;
let publisher: BundlePublisher;
let nowMs = Date.parse("2030-01-01T00:00:00Z");
let signatures: number;
let isSignerDown: boolean;
let isStorageDown = false;
let whileSigning: () => Promise<void>;

beforeAll(async () => {
  storage = await openSqliteStorage(":memory:");
  const tools = { log: silent, metrics: noMetrics, clock: () => nowMs };
  keys = await SigningKeys.open({
    ...DEFAULT_KEY_SETTINGS,
    store: storage.keys,
    owner: "tokens@example.com",
    ...tools,
  });
  const number = () => (isStorageDown ? Promise.reject(new StorageUnavailable("down")) : storage.feed.number());
  feed = await RevocationFeed.open({
    store: { ...storage.feed, number },
    keys: () => keys.published("tokens"),
    refreshKeys: () => keys.refresh(),
    published: forgetfulNumber(),
    rollback: "refuse",
    ...tools,
  });
});
afterAll(async () => {
  await feed.stop();
  await keys.close();
  await storage.close();
});
beforeEach(() => {
  [signatures, isSignerDown, isStorageDown] = [0, false, false];
  whileSigning = () => Promise.resolve();
  publisher = new BundlePublisher({ feed, signer, serviceAccount: "tokens@example.com" });
});

/** The key for bundles, which counts what it signs. */
function signer(): Signer {
  const real = keys.signer("bundle");
  const sign = async (bytes: Uint8Array) => {
    signatures++;
    if (isSignerDown) throw new Unavailable("the HSM is away");
    await whileSigning();
    return real.sign(bytes);
  };
  return { ...real, sign };
}

const revoke = (subject: RevokedSubject) =>
  feed.revoke({ subject, until: Number.POSITIVE_INFINITY, reason: "", revokedBy: "local", revokedAtMs: nowMs });
/** Revokes many at once; the numbers of the first and the last. */
async function revokeCertificates(count: number): Promise<[number, number]> {
  const certificate = (index: number) =>
    ({ kind: "certificate", caId: 7n, certSn: "5e".repeat(20 + (index % 140)) }) as const;
  const who = { until: Number.POSITIVE_INFINITY, reason: "", revokedBy: "crl", revokedAtMs: nowMs };
  const entries = await storage.feed.add(
    Array.from({ length: count }, (_, index) => ({ subject: certificate(index), ...who })),
  );
  await feed.refresh();
  return [entries[0]?.number ?? 0, entries.at(-1)?.number ?? 0];
}
const machine = (index: number): RevokedSubject => ({ kind: "machine", fqdn: `host-${index}.example.com` });
const answer = (since?: number, ifNoneMatch?: string) =>
  publisher.answer({ since: since === undefined ? undefined : String(since), ifNoneMatch });
const bodyOf = async (since?: number) => (await answer(since)).body ?? new Uint8Array();

/** What a verifier with the token-signing CA pinned makes of it. */
function opened(body: Uint8Array) {
  const ca = keys.published("ca")[0]?.certificatePem ?? "";
  return trustFromDocument(body, { ca, issuer: "tokens@example.com" }, () => nowMs);
}

describe("BundlePublisher", () => {
  it("publishes the keys and what is revoked, signed by a key that the token-signing CA certified for that", async () => {
    await revoke(machine(1));
    const trust = opened(await bodyOf());
    expect(trust.number).toBe(feed.current().feed.number);
    const ids = [...(trust.issuers.get("tokens@example.com")?.keys() ?? [])];
    expect(ids).toEqual(keys.published("tokens").map(({ keyId }) => keyId));
    const origin = { machineFqdn: "host-1.example.com", caId: 1n, certSn: "01" };
    expect(trust.revocations.machineTokenUntil("t", origin)).toBe(Number.POSITIVE_INFINITY);
  });

  it("sends what came and what went since any number, and that makes the bundle that was signed", async () => {
    for (let index = 10; index < 30; index++) await revoke(machine(index));
    const bases = [decodeTrustBundle(decodeSignedTrustBundle(await bodyOf()).bundle)];
    for (let index = 30; index < 40; index++) await revoke(machine(index));
    bases.push(decodeTrustBundle(decodeSignedTrustBundle(await bodyOf()).bundle));
    await feed.unrevokeMachine("host-10.example.com");
    await feed.unrevokeMachine("host-1.example.com");
    const complete = decodeSignedTrustBundle(await bodyOf());
    bases.push(decodeTrustBundle(complete.bundle));
    for (const base of bases) {
      const body = await bodyOf(base.number);
      const update = decodeSignedTrustBundle(body);
      expect(update.baseNumber).toBe(base.number);
      expect(applyTrustBundleDelta(base, update)).toEqual(complete);
      opened(encodeSignedTrustBundle(applyTrustBundleDelta(base, update)));
    }
    expect((await bodyOf(bases[2]?.number)).length).toBeLessThan((await bodyOf()).length);
  });

  it("makes no end of large updates, and always makes small ones", async () => {
    const [first, last] = await revokeCertificates(4000);
    const [{ body: complete }, before] = [await answer(), first - 1];
    const added = (body: Uint8Array) => decodeTrustBundle(decodeSignedTrustBundle(body).bundle).revocations.length;
    const answers = [];
    for (let base = first; base < first + 50; base++) answers.push(await bodyOf(base));
    expect(answers.filter((body) => body !== complete).length).toBe(32);
    expect(answers.slice(0, 32).map(added)).toEqual(Array.from({ length: 32 }, (_, index) => 3999 - index));
    expect(await bodyOf(first)).toBe(answers[0]);
    expect(await bodyOf(before)).toBe(complete);
    for (const base of [last - 10, last]) expect(added(await bodyOf(base))).toBe(last - base);
  });

  it.each(["0", "-1", "x", "99999999999999", "1e3", "", "9".repeat(40)])(
    "answers the complete bundle to who has %j",
    async (since) => {
      const { body } = await publisher.answer({ since, ifNoneMatch: undefined });
      expect(decodeSignedTrustBundle(body ?? new Uint8Array()).baseNumber).toBe(0);
    },
  );

  it("says that nothing is new until something is", async () => {
    const { etag } = await answer();
    expect((await answer(undefined, etag)).body).toBeUndefined();
    expect((await answer(1, `W/${etag}, "other"`)).body).toBeUndefined();
    expect((await answer(undefined, '"other"')).body).toBeDefined();
    await revoke(machine(40));
    const next = await answer(undefined, etag);
    expect(next.body).toBeDefined();
    expect(next.etag).not.toBe(etag);
  });

  it("signs once for everybody, and again when something changed or a minute later", async () => {
    await Promise.all(Array.from({ length: 100 }, () => answer()));
    expect(signatures).toBe(1);
    nowMs += 59_000;
    await feed.refresh();
    await answer();
    expect(signatures).toBe(1);
    nowMs += 1_000;
    await feed.refresh();
    const again = decodeTrustBundle(decodeSignedTrustBundle(await bodyOf()).bundle);
    expect(again.signedAt).toBe(nowMs / 1000);
    expect(again.revocations.map(({ number }) => number)).toEqual(feed.current().feed.entries.map((one) => one.number));
    opened(await bodyOf());
    expect(signatures).toBe(2);
    await revoke(machine(50));
    await Promise.all([answer(), answer()]);
    expect(signatures).toBe(3);
  });

  it("says how old it is when the storage cannot be read", async () => {
    await feed.refresh();
    const readAt = nowMs / 1000;
    await answer();
    isStorageDown = true;
    nowMs += 3_600_000;
    expect(decodeTrustBundle(decodeSignedTrustBundle(await bodyOf()).bundle).signedAt).toBe(readAt);
    isStorageDown = false;
    await keys.refresh();
    await feed.refresh();
    expect(decodeTrustBundle(decodeSignedTrustBundle(await bodyOf()).bundle).signedAt).toBe(nowMs / 1000);
  });

  it("goes on with a signature that cannot be renewed, and never with one that says less than is known", async () => {
    const { etag } = await answer();
    isSignerDown = true;
    nowMs += 120_000;
    await feed.refresh();
    expect((await answer()).etag).toBe(etag);
    await revoke(machine(60));
    await expect(answer()).rejects.toThrow(Unavailable);
    isSignerDown = false;
    expect(opened(await bodyOf()).number).toBe(feed.current().feed.number);
  });

  it("never says less than is known, also when that became known while it signed", async () => {
    await answer();
    nowMs += 120_000;
    await feed.refresh();
    whileSigning = async () => {
      await revoke(machine(70));
      isSignerDown = true;
    };
    await expect(answer()).rejects.toThrow(Unavailable);
  });

  it("changes its signer as soon as its key does", async () => {
    const before = await answer();
    nowMs += 35 * 86_400_000;
    await keys.maintain();
    nowMs += 11 * 60_000;
    await keys.maintain();
    await feed.refresh();
    expect(keys.signer("bundle").keyId.slice(0, 8)).not.toBe(before.etag.split(".").at(-1)?.slice(0, 8));
    opened(await bodyOf());
  });
});
