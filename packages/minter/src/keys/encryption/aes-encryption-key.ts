import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { KeyUnusable } from "../key-backend.js";
import type { KeyEncryptionKey } from "./key-encryption-key.js";

/** Length of the key. */
export const AES_KEY_BYTES = 32;

const ALGORITHM = "aes-256-gcm";
/** NIST SP 800-38D §8.2.2: random nonces of 96 bits, far fewer than 2^32 under one key. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM under a key of 32 bytes. What is sealed is nonce, ciphertext and tag. */
export function aesEncryptionKey(key: Uint8Array): KeyEncryptionKey {
  if (key.length !== AES_KEY_BYTES) throw new TypeError(`a key-encryption key has ${AES_KEY_BYTES} bytes`);
  const id = createHmac("sha256", key).update("tokens: id of a key-encryption key").digest().subarray(0, 8);
  return {
    id: `${ALGORITHM}:${id.toString("hex")}`,
    seal: (plaintext, context) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(context);
      return Promise.resolve(Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]));
    },
    // oxlint-disable-next-line typescript/require-await -- what it throws becomes a rejection
    open: async (sealed, context) => decrypt(key, sealed, context),
  };
}

function decrypt(key: Uint8Array, sealed: Uint8Array, context: Uint8Array): Uint8Array {
  const nonce = sealed.subarray(0, NONCE_BYTES);
  try {
    const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(context).setAuthTag(sealed.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch (error) {
    throw new KeyUnusable("a private key in storage was damaged or exchanged; restore the storage from a backup", {
      cause: error,
    });
  }
}
