import { type GoogleIdentity, googleTokens } from "../../google/google-tokens.js";
import { GoogleError } from "../../google/post-google.js";
import { crc32c } from "../gcp-kms/crc32c.js";
import { gcpKmsApi } from "../gcp-kms/gcp-kms-api.js";
import { readGcpKmsUri } from "../gcp-kms/gcp-kms-uri.js";
import { KeyUnusable, SignerUnavailable } from "../key-backend.js";
import type { KeyEncryptionKey } from "./key-encryption-key.js";

/** A symmetric key of Google's Cloud KMS, which never leaves it. Throws a KeyUnusable for a URI that is none. */
export function gcpKmsEncryptionKey(uri: string, identity: GoogleIdentity): KeyEncryptionKey {
  const { cryptoKey, endpoint } = readGcpKmsUri(uri);
  const api = gcpKmsApi(endpoint, googleTokens(identity));
  return {
    id: `gcp-kms:${cryptoKey}`,
    seal: async (plaintext, context) => {
      const request = { ...checked("plaintext", plaintext), ...checked("additionalAuthenticatedData", context) };
      const answer = await api.post(`${cryptoKey}:encrypt`, request);
      const isVerified = answer["verifiedPlaintextCrc32c"] === true;
      if (!isVerified || answer["verifiedAdditionalAuthenticatedDataCrc32c"] !== true) throw damaged(cryptoKey);
      return bytesIn(answer, "ciphertext", cryptoKey);
    },
    open: async (sealed, context) => {
      const request = { ...checked("ciphertext", sealed), ...checked("additionalAuthenticatedData", context) };
      const answer = await api.post(`${cryptoKey}:decrypt`, request).catch((error: unknown) => {
        throw isForeign(error) ? foreign(cryptoKey, error) : error;
      });
      return bytesIn(answer, "plaintext", cryptoKey);
    },
  };
}

/** A field and its checksum, as all of the API's fields of bytes come. */
function checked(name: string, bytes: Uint8Array): Record<string, string> {
  return { [name]: Buffer.from(bytes).toString("base64"), [`${name}Crc32c`]: crc32c(bytes) };
}

function bytesIn(answer: Record<string, unknown>, name: string, cryptoKey: string): Uint8Array {
  const text = answer[name];
  const bytes = Buffer.from(typeof text === "string" ? text : "", "base64");
  if (bytes.length === 0 || answer[`${name}Crc32c`] !== crc32c(bytes)) throw damaged(cryptoKey);
  return bytes;
}

function damaged(cryptoKey: string): SignerUnavailable {
  return new SignerUnavailable(`Cloud KMS: an answer of ${cryptoKey} was damaged on the way`);
}

/** The API says INVALID_ARGUMENT to what it did not encrypt, or not in this context. */
function isForeign(error: unknown): boolean {
  return error instanceof SignerUnavailable && error.cause instanceof GoogleError && error.cause.status === 400;
}

function foreign(cryptoKey: string, cause: unknown): KeyUnusable {
  const what = "a private key in storage was damaged or exchanged, or encrypted by another key";
  return new KeyUnusable(`${what} than ${cryptoKey}; restore the storage from a backup`, { cause });
}
