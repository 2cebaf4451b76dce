import { verify, X509Certificate } from "node:crypto";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { noMetrics } from "../metrics.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { Storage } from "../storage/storage.js";
import { StorageUnavailable } from "../storage/storage-unavailable.js";
import { SignerUnavailable } from "./key-backend.js";
import { RETIRED_PUBLISHED_MS } from "./key-ring.js";
import { KEY_PURPOSES, type KeyPurpose, type KeyStore, type StoredKey } from "./key-store.js";
import { MAX_KEYS_AGE_MS } from "./loaded-keys.js";
import { PROPAGATION_MS, type RotationPolicy } from "./plan-rotation.js";
import { SigningKeys } from "./signing-keys.js";

const MINUTE = 60_000;
const DAY = 86_400_000;
const LEAD = 10 * MINUTE;
const body = Buffer.from("body");

const T0 = Date.parse("2026-06-01T12:00:00Z");
let now: number;
let storage: Storage;
let open: SigningKeys[];
/** Keys as a first start makes them, made once: RSA keys are slow to make. */
let firstKeys: readonly StoredKey[] = [];
beforeEach(async () => {
  now = T0;
  storage = await openSqliteStorage(":memory:");
  open = [];
  for (const key of firstKeys) await storage.keys.add(key);
});
afterEach(async () => {
  await Promise.all(open.map((keys) => keys.close()));
  await storage.close();
});

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A replica on the common storage and clock. */
async function replica(rotation: Partial<RotationPolicy> = {}, store: KeyStore = storage.keys): Promise<SigningKeys> {
  const keys = await SigningKeys.open({
    store,
    owner: "tokens@example.com",
    rotation: { leadMs: LEAD, signsForMs: 30 * DAY, ...rotation },
    log: silent,
    metrics: noMetrics,
    clock: () => now,
  });
  open.push(keys);
  return keys;
}

const statesOf = (keys: SigningKeys, purpose: KeyPurpose = "tokens") =>
  keys.list().flatMap((key) => (key.purpose === purpose ? [key.state] : []));
const publishedBy = (keys: SigningKeys) => keys.published("tokens").map(({ keyId }) => keyId);

describe("a first start", () => {
  afterAll(async () => {
    now = T0;
    storage = await openSqliteStorage(":memory:");
    await (await replica()).close();
    firstKeys = await storage.keys.list();
    await storage.close();
  });

  it("makes a key for each purpose; none is shared, and each says what it is for", async () => {
    const keys = await replica();
    expect(keys.list().map(({ purpose, state, backend }) => [purpose, state, backend])).toEqual(
      KEY_PURPOSES.map((purpose) => [purpose, "active", "local"]),
    );
    expect(new Set(keys.list().map(({ keyId }) => keyId)).size).toBe(KEY_PURPOSES.length);
    const usages = KEY_PURPOSES.map((purpose) => new X509Certificate(keys.signer(purpose).certificatePem).keyUsage);
    expect(usages.map((usage) => usage?.length ?? 0)).toEqual(
      KEY_PURPOSES.map((purpose) => Number(purpose === "bundle")),
    );
  });

  it("certifies all of them by the token-signing CA", async () => {
    const keys = await replica();
    const ca = new X509Certificate(keys.signer("ca").certificatePem);
    expect(ca.subject).toBe("CN=token-signing CA of tokens@example.com");
    for (const purpose of KEY_PURPOSES) {
      const signer = keys.signer(purpose);
      const certificate = new X509Certificate(signer.certificatePem);
      expect([certificate.ca, certificate.checkIssued(ca), certificate.verify(ca.publicKey)]).toEqual([
        purpose === "ca",
        true,
        true,
      ]);
      expect(verify("sha256", body, certificate.publicKey, await signer.sign(body))).toBe(true);
    }
  });

  it("gives replicas that start at once the same keys", async () => {
    const replicas = await Promise.all([replica(), replica(), replica()]);
    const lists = replicas.map((keys) => JSON.stringify(keys.list()));
    expect(new Set(lists).size).toBe(1);
    expect(replicas[0]?.list()).toHaveLength(KEY_PURPOSES.length);
  });

  it("makes nothing where all is there, and finds it", async () => {
    const first = await replica();
    expect((await replica()).list()).toEqual(first.list());
  });
});

describe("a rotation", () => {
  it("publishes the next key at once, and signs with it on every replica when the lead is over, not before", async () => {
    const [here, there] = [await replica(), await replica()];
    const old = here.signer("tokens").keyId;
    const next = await here.rotate("tokens");
    expect(next).toMatchObject({ state: "next", purpose: "tokens", signsFromMs: now + LEAD });
    expect(publishedBy(here)).toEqual([next?.keyId, old]);
    await there.refresh();
    expect(publishedBy(there)).toEqual([next?.keyId, old]);
    now += LEAD - 1;
    for (const keys of [here, there]) expect(keys.signer("tokens").keyId).toBe(old);
    now += 1;
    for (const keys of [here, there]) expect(keys.signer("tokens").keyId).toBe(next?.keyId);
    expect(statesOf(there)).toEqual(["retired", "active"]);
  });

  it("is under way once, whoever asks how often", async () => {
    const [here, there] = [await replica(), await replica()];
    const answers = await Promise.all([here.rotate("tokens"), there.rotate("tokens"), here.rotate("tokens")]);
    expect(new Set(answers.map((key) => key?.keyId)).size).toBe(1);
    expect(statesOf(here)).toEqual(["active", "next"]);
  });

  it("leaves the other purposes alone", async () => {
    const keys = await replica();
    await keys.rotate("jwt");
    expect(statesOf(keys, "jwt")).toEqual(["active", "next"]);
    for (const purpose of ["ca", "tokens", "bundle", "audit"] as const)
      expect(statesOf(keys, purpose)).toEqual(["active"]);
  });

  it("publishes the old key until its last token is dead, and destroys its private key long before", async () => {
    const keys = await replica();
    const old = keys.signer("tokens").keyId;
    await keys.rotate("tokens");
    now += LEAD;
    await keys.maintain();
    const handleOf = async () => (await storage.keys.list("tokens"))[0]?.handle.length;
    expect(await handleOf()).toBeGreaterThan(1000);
    now += 15 * MINUTE + 1;
    await keys.maintain();
    expect(await handleOf()).toBe(0);
    now += RETIRED_PUBLISHED_MS - 15 * MINUTE - 1;
    await keys.maintain();
    expect(publishedBy(keys)).toContain(old);
    now += 1;
    expect(publishedBy(keys)).not.toContain(old);
    expect(statesOf(keys)).toEqual(["expired", "active"]);
  });

  it("comes by age, for everything but the CA", async () => {
    const keys = await replica();
    now += 30 * DAY - LEAD - 1;
    await keys.maintain();
    expect(statesOf(keys)).toEqual(["active"]);
    now += 1;
    await keys.maintain();
    for (const purpose of ["tokens", "jwt", "bundle", "audit"] as const) {
      expect(statesOf(keys, purpose)).toEqual(["active", "next"]);
    }
    expect(statesOf(keys, "ca")).toEqual(["active"]);
  });

  it("of the CA gives every published key a certificate by the new one", async () => {
    const keys = await replica();
    const old = keys.signer("ca").certificatePem;
    await keys.rotate("ca");
    expect(keys.published("ca")).toHaveLength(2);
    now += LEAD;
    await keys.maintain();
    const ca = new X509Certificate(keys.signer("ca").certificatePem);
    expect(ca.toString()).not.toBe(new X509Certificate(old).toString());
    for (const purpose of ["tokens", "jwt", "bundle", "audit"] as const) {
      expect(new X509Certificate(keys.signer(purpose).certificatePem).verify(ca.publicKey)).toBe(true);
    }
  });

  it("does not let certificates run out", async () => {
    const keys = await replica({ signsForMs: undefined });
    const first = keys.signer("ca").certificatePem;
    for (let month = 0; month < 14; month++) {
      now += 30 * DAY;
      await keys.maintain();
      for (const { certificatePem } of keys.published("tokens")) {
        expect(Date.parse(new X509Certificate(certificatePem).validTo)).toBeGreaterThan(now + 2 * DAY);
      }
    }
    expect(keys.signer("ca").certificatePem).toBe(first);
  });
});

describe("a tainted key", () => {
  it("signs and is published no more, at once here and after a refresh elsewhere", async () => {
    const [here, there] = [await replica(), await replica()];
    const { keyId } = here.signer("tokens");
    expect(await here.taint(keyId)).toMatchObject({ keyId, state: "tainted", taintedAtMs: now });
    await there.refresh();
    for (const keys of [here, there]) {
      expect(() => keys.signer("tokens")).toThrow(SignerUnavailable);
      expect(publishedBy(keys)).not.toContain(keyId);
    }
  });

  it("has a successor as soon as verifiers can know it", async () => {
    const keys = await replica();
    const { keyId } = keys.signer("tokens");
    await keys.taint(keyId);
    expect(statesOf(keys)).toEqual(["tainted", "next"]);
    now += PROPAGATION_MS - 1;
    expect(() => keys.signer("tokens")).toThrow(SignerUnavailable);
    now += 1;
    expect(keys.signer("tokens").keyId).not.toBe(keyId);
  });

  it("loses its private key", async () => {
    const keys = await replica();
    await keys.taint(keys.signer("tokens").keyId);
    await keys.maintain();
    expect((await storage.keys.list("tokens"))[0]?.handle.length).toBe(0);
  });

  it("that was to sign next changes nothing for the active one", async () => {
    const keys = await replica();
    const { keyId } = keys.signer("tokens");
    const next = await keys.rotate("tokens");
    await keys.taint(next?.keyId ?? "");
    now += DAY;
    await keys.refresh();
    expect(keys.signer("tokens").keyId).toBe(keyId);
    expect(publishedBy(keys)).toEqual([keyId]);
  });

  it("stays tainted, and one that nobody knows is no key", async () => {
    const keys = await replica();
    const { keyId } = keys.signer("tokens");
    const at = now;
    await keys.taint(keyId);
    now += 1000;
    expect(await keys.taint(keyId)).toMatchObject({ taintedAtMs: at });
    expect(await keys.taint("0".repeat(40))).toBeUndefined();
  });
});

describe("a storage that goes away", () => {
  it("is borne for half an hour; then nobody knows whether a key was tainted", async () => {
    let isDown = false;
    const list: KeyStore["list"] = (purpose) =>
      isDown ? Promise.reject(new StorageUnavailable("down")) : storage.keys.list(purpose);
    const keys = await replica({}, { ...storage.keys, list });
    isDown = true;
    await expect(keys.refresh()).rejects.toThrow(StorageUnavailable);
    now += MAX_KEYS_AGE_MS;
    expect(keys.signer("tokens")).toBeDefined();
    expect(publishedBy(keys)).toHaveLength(1);
    now += 1;
    expect(() => keys.signer("tokens")).toThrow(/not known now/);
    expect(() => keys.published("tokens")).toThrow(/not known now/);
    isDown = false;
    await keys.refresh();
    expect(keys.signer("tokens")).toBeDefined();
  });
});
