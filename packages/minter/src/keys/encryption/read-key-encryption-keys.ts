import type { GoogleIdentity } from "../../google/google-tokens.js";
import { isGcpKmsUri } from "../gcp-kms/gcp-kms-uri.js";
import { KeyUnusable } from "../key-backend.js";
import { AES_KEY_BYTES, aesEncryptionKey } from "./aes-encryption-key.js";
import { gcpKmsEncryptionKey } from "./gcp-kms-encryption-key.js";
import type { KeyEncryptionKey } from "./key-encryption-key.js";

const MAX_KEYS = 8;

/** How to make one; part of every complaint. */
const HOW = "a line is 32 random bytes in base64 (openssl rand -base64 32), or gcp-kms://projects/…";

/**
 * Reads key-encryption keys, one a line: the first encrypts, the others still decrypt what they once encrypted. Throws a
 * KeyUnusable that names the line and never what stands in it.
 */
export function readKeyEncryptionKeys(text: string, identity: GoogleIdentity): readonly KeyEncryptionKey[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const keys = lines.flatMap((line, at) =>
    line === "" || line.startsWith("#") ? [] : [readLine(line, at + 1, identity)],
  );
  if (keys.length === 0 || keys.length > MAX_KEYS) {
    throw new KeyUnusable(`there are ${keys.length} key-encryption keys, where 1 to ${MAX_KEYS} are expected; ${HOW}`);
  }
  return keys;
}

function readLine(line: string, number: number, identity: GoogleIdentity): KeyEncryptionKey {
  if (isGcpKmsUri(line)) return gcpKmsEncryptionKey(line, identity);
  const bytes = readAesKey(line);
  if (!bytes) throw new KeyUnusable(`line ${number} of the key-encryption keys is none; ${HOW}`);
  return aesEncryptionKey(bytes);
}

/** 32 bytes in canonical base64; undefined for anything else. */
export function readAesKey(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === AES_KEY_BYTES && bytes.toString("base64") === text ? bytes : undefined;
}
