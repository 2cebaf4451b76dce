import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { aesEncryptionKey } from "./encryption/aes-encryption-key.js";
import { KeyUnusable } from "./key-backend.js";
import type { StoredKey } from "./key-store.js";
import { KeyVault } from "./key-vault.js";

const handle = randomBytes(100);
const [older, newer] = [aesEncryptionKey(randomBytes(32)), aesEncryptionKey(randomBytes(32))];

const key: StoredKey = {
  keyId: "k1",
  purpose: "tokens",
  generation: 1,
  backend: "local",
  handle,
  sealedBy: undefined,
  certificatePem: "",
  createdAtMs: 0,
  signsFromMs: 0,
};
const sealed = async (vault: KeyVault): Promise<StoredKey> => ({ ...key, ...(await vault.seal(key, handle)) });

describe("KeyVault", () => {
  it("keeps handles as they are where there is nothing to encrypt with", async () => {
    const vault = new KeyVault([]);
    expect(vault.isEncrypting).toBe(false);
    expect(await sealed(vault)).toEqual(key);
    expect(await vault.open(key)).toEqual(handle);
    expect(vault.isCurrent(key)).toBe(true);
  });

  it("encrypts with the first key and decrypts with all", async () => {
    const before = await sealed(new KeyVault([older]));
    const vault = new KeyVault([newer, older]);
    expect(Buffer.from(await vault.open(before))).toEqual(handle);
    const after = await sealed(vault);
    expect(after.sealedBy).toBe(newer.id);
    expect([before, after, key].map((stored) => vault.isCurrent(stored))).toEqual([false, true, false]);
    expect(await vault.open(key)).toEqual(handle);
  });

  it("has nothing to do for a key that was erased", async () => {
    const erased = { ...key, handle: new Uint8Array() };
    expect(new KeyVault([newer]).isCurrent(erased)).toBe(true);
    await expect(new KeyVault([newer]).open(erased)).rejects.toThrow(/k1 was erased/);
  });

  it.each([
    ["without any key", []],
    ["with another key", [newer]],
  ])("cannot open %s, and says which one it needs", async (_, keys) => {
    const opening = new KeyVault(keys).open(await sealed(new KeyVault([older])));
    await expect(opening).rejects.toThrow(KeyUnusable);
    await expect(opening).rejects.toThrow(`encrypted by the key-encryption key ${older.id}, which is not at hand`);
  });

  it.each<[string, Partial<StoredKey>]>([
    ["another key's row", { keyId: "k2" }],
    ["another purpose", { purpose: "jwt" }],
    ["another backend", { backend: "gcp-kms" }],
  ])("does not open what was moved into %s", async (_, moved) => {
    const vault = new KeyVault([older]);
    await expect(vault.open({ ...(await sealed(vault)), ...moved })).rejects.toThrow(KeyUnusable);
  });
});
