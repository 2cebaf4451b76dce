import { createPrivateKey, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "libsql";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noMetrics } from "../metrics.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import { aesEncryptionKey } from "./encryption/aes-encryption-key.js";
import type { KeyEncryptionKey } from "./encryption/key-encryption-key.js";
import { KeyUnusable } from "./key-backend.js";
import type { StoredKey } from "./key-store.js";
import { SigningKeys } from "./signing-keys.js";

let folder: string;
let logged: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rest-"));
  logged = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const path = () => join(folder, "tokens.db");
const note = (_: object, message: string) => void logged.push(message);

/** Runs a server's keys on the file, and closes all as a server does. */
async function run(encryption: readonly KeyEncryptionKey[], act?: (keys: SigningKeys) => Promise<unknown>) {
  const storage = await openSqliteStorage(path());
  try {
    const keys = await SigningKeys.open({
      store: storage.keys,
      owner: "tokens@example.com",
      rotation: { leadMs: 1000, signsForMs: undefined },
      encryption,
      log: { info: note, warn: note, error: note },
      metrics: noMetrics,
      clock: Date.now,
    });
    await act?.(keys);
    await keys.close();
    return await storage.keys.list();
  } finally {
    await storage.close();
  }
}

/** How each RSA key in PKCS #8 goes on after its length (RFC 5208 §5). */
const RSA_PRIVATE_KEY = Buffer.from("020100300d06092a864886f70d0101010500", "hex");

/** Every secret number of a private key, as bytes: who has one of them has the key. */
function secretsOf({ handle }: StoredKey): Buffer[] {
  const { d, p, q, dp, dq, qi } = createPrivateKey({ key: Buffer.from(handle), format: "der", type: "pkcs8" }).export({
    format: "jwk",
  });
  return [d, p, q, dp, dq, qi].map((number) => Buffer.from(String(number), "base64url"));
}

/** Which secrets lie in any file of the folder, as bytes or as text. */
function found(secrets: readonly Buffer[]): number {
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  const anywhere = (needle: Buffer | string) => files.some((file) => file.includes(needle));
  return secrets.filter(
    (secret) => anywhere(secret) || anywhere(secret.toString("hex")) || anywhere(secret.toString("base64")),
  ).length;
}

const newKey = () => aesEncryptionKey(randomBytes(32));

describe("private keys at rest", () => {
  it("rest in plain by default, and the server says so", async () => {
    const stored = await run([]);
    const secrets = stored.flatMap(secretsOf);
    expect(found(secrets)).toBe(secrets.length);
    expect(found([RSA_PRIVATE_KEY])).toBe(1);
    expect(logged.join()).toMatch(/rest in plain/);
  });

  it("are nowhere in the folder when they were made encrypted, also while the server runs", async () => {
    const key = newKey();
    const stored = await run([key], async (keys) => {
      await keys.rotate("tokens");
      expect(readdirSync(folder)).toContain("tokens.db-wal");
      expect(found([RSA_PRIVATE_KEY])).toBe(0);
    });
    expect(stored.every(({ sealedBy }) => sealedBy === key.id)).toBe(true);
    expect(logged.join()).not.toMatch(/rest in plain/);
  });

  it("are nowhere in the folder once encryption was turned on, and sign as before", async () => {
    const plain = await run([]);
    const secrets = plain.flatMap(secretsOf);
    expect(found(secrets)).toBeGreaterThan(0);
    const after = await run([newKey()], async (keys) => {
      expect(found(secrets)).toBe(0);
      await keys.signer("tokens").sign(Buffer.from("body"));
    });
    expect(found(secrets)).toBe(0);
    expect(after.map(({ keyId }) => keyId)).toEqual(plain.map(({ keyId }) => keyId));
    expect(logged.join()).toMatch(/were encrypted anew; older copies/);
  });

  it("are nowhere either when the server was killed between encrypting and scrubbing", async () => {
    const secrets = (await run([])).flatMap(secretsOf);
    const key = newKey();
    await run([key]);
    // What a server leaves that is killed there: the mark, and old pages that nothing points to any more.
    const db = new Database(path());
    db.exec("PRAGMA secure_delete = OFF; CREATE TABLE old (secret BLOB)");
    for (const secret of secrets)
      db.prepare("INSERT INTO old VALUES (?)").run([Buffer.concat([secret, Buffer.alloc(5000)])]);
    db.exec("DROP TABLE old; UPDATE signing_keys SET scrub_due = 1");
    db.close();
    expect(found(secrets)).toBeGreaterThan(0);
    await run([key]);
    expect(found(secrets)).toBe(0);
  });

  it("are nowhere once they were tainted", async () => {
    const [plain] = (await run([])).filter(({ purpose }) => purpose === "tokens");
    const secrets = plain ? secretsOf(plain) : [];
    await run([], async (keys) => {
      await keys.taint(plain?.keyId ?? "");
      await keys.maintain();
      expect(found(secrets)).toBe(0);
    });
    expect(found(secrets)).toBe(0);
  });

  it("are of no use without the key-encryption key, or with another", async () => {
    await run([newKey()]);
    await expect(run([])).rejects.toThrow(KeyUnusable);
    await expect(run([newKey()])).rejects.toThrow(/start with that one/);
  });

  it("move to a new key-encryption key, after which the old one is of no use", async () => {
    const [older, newer] = [newKey(), newKey()];
    const before = await run([older]);
    const after = await run([newer, older]);
    expect(after.every(({ sealedBy }) => sealedBy === newer.id)).toBe(true);
    expect(after.map(({ keyId }) => keyId)).toEqual(before.map(({ keyId }) => keyId));
    await run([newer]);
    await expect(run([older])).rejects.toThrow(KeyUnusable);
  });

  it("cannot be exchanged between rows by whoever can write the storage", async () => {
    const key = newKey();
    await run([key]);
    const db = new Database(path());
    db.exec(
      "UPDATE signing_keys SET private_key = (SELECT private_key FROM signing_keys WHERE purpose = 'jwt') WHERE purpose = 'tokens'",
    );
    db.close();
    await expect(run([key])).rejects.toThrow(/damaged or exchanged/);
  });
});
