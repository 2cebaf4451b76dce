import { type KeyObject, verify } from "node:crypto";
import { TokenRejected } from "./errors.js";
import type { Trust } from "./trust.js";

/** Signing keys of one issuer by key id. */
export type IssuerKeys = ReadonlyMap<string, KeyObject>;

/** Issuers are compared exactly: an e-mail in other letters is another issuer. Throws TokenRejected UNKNOWN_ISSUER. */
export function trustedKeys(trust: Trust, issuer: string): IssuerKeys {
  const keys = trust.issuers.get(issuer);
  if (!keys) throw new TokenRejected("UNKNOWN_ISSUER", "the token is of an issuer that is not trusted");
  return keys;
}

/**
 * Checks that one of an issuer's keys signed the bytes; the key. The key decides the algorithm, never the token: only RSA
 * keys get into a Trust. Throws TokenRejected: UNKNOWN_KEY, BAD_SIGNATURE.
 */
export function checkSignature(keys: IssuerKeys, keyId: string, bytes: Uint8Array, signature: Uint8Array): KeyObject {
  const key = keys.get(keyId);
  if (!key) throw new TokenRejected("UNKNOWN_KEY", "the token is signed with a key that its issuer does not publish");
  if (!verify("sha256", bytes, key, signature)) {
    throw new TokenRejected("BAD_SIGNATURE", "the token's signature is not its issuer's");
  }
  return key;
}
