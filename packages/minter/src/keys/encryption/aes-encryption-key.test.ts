import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { KeyUnusable } from "../key-backend.js";
import { aesEncryptionKey } from "./aes-encryption-key.js";

const bytes = randomBytes(32);
const key = aesEncryptionKey(bytes);
const secret = randomBytes(1200);
const context = Buffer.from("key id and purpose");

describe("aesEncryptionKey", () => {
  it("gives back what it sealed, and seals in another way each time", async () => {
    const sealed = await key.seal(secret, context);
    expect(Buffer.from(await key.open(sealed, context)).equals(secret)).toBe(true);
    expect(await key.seal(secret, context)).not.toEqual(sealed);
    expect(sealed.length).toBe(12 + secret.length + 16);
    expect(Buffer.from(sealed).includes(secret.subarray(0, 16))).toBe(false);
  });

  it("does not open in another context, nor with another key", async () => {
    const sealed = await key.seal(secret, context);
    await expect(key.open(sealed, Buffer.from("another"))).rejects.toThrow(KeyUnusable);
    await expect(aesEncryptionKey(randomBytes(32)).open(sealed, context)).rejects.toThrow(KeyUnusable);
  });

  it("opens nothing that was changed in any byte, cut off or made longer", async () => {
    const sealed = await key.seal(Buffer.from("secret"), context);
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.map((byte, index) => (index === at ? byte ^ 1 : byte));
      await expect(key.open(changed, context)).rejects.toThrow(KeyUnusable);
      await expect(key.open(sealed.subarray(0, at), context)).rejects.toThrow(KeyUnusable);
    }
    await expect(key.open(Buffer.concat([sealed, Buffer.of(0)]), context)).rejects.toThrow(KeyUnusable);
  });

  it("has a name that tells keys apart and stays the same", () => {
    expect(key.id).toMatch(/^aes-256-gcm:[0-9a-f]{16}$/);
    expect(aesEncryptionKey(Buffer.from(bytes)).id).toBe(key.id);
    expect(aesEncryptionKey(randomBytes(32)).id).not.toBe(key.id);
    expect(aesEncryptionKey(Buffer.alloc(32)).id).toBe("aes-256-gcm:d8dd17675a0b85c0");
  });

  it.each([0, 16, 31, 33, 64])("refuses a key of %i bytes", (length) => {
    expect(() => aesEncryptionKey(new Uint8Array(length))).toThrow(TypeError);
  });
});
