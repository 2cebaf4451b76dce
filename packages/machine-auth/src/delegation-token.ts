import { CanonicalReader, CanonicalWriter } from "./canonical-proto.js";
import { TokenRejected } from "./errors.js";
import { decodeBase64, decodedLength, encodeBase64 } from "./token-text.js";

/** The header in which a service sends a delegation token. */
export const DELEGATION_TOKEN_HEADER = "X-Delegation-Token-V1";

/** Largest token, in bytes before base64. */
export const MAX_DELEGATION_TOKEN_BYTES = 8192;

/** Longest text of a token, in characters: that of the largest one. */
export const MAX_DELEGATION_TOKEN_LENGTH: number = Math.ceil((MAX_DELEGATION_TOKEN_BYTES * 4) / 3);

/** The only kind of delegation token. */
export const BEARER_DELEGATION_TOKEN = 1;

const MAX_INT32 = 2 ** 31 - 1;

/** What a delegation token says: Subtoken of the protocol. */
export interface Subtoken {
  /** Whom the bearer acts as. */
  readonly delegatedIdentity: string;
  /** Unix seconds. */
  readonly creationTime: number;
  /** Seconds. */
  readonly validityDuration: number;
  /** Names the token in audit records. */
  readonly subtokenId: bigint;
  /** Who may send the token: identities, `group:<name>`, or `*`. */
  readonly audience: readonly string[];
  /** Where the token counts: `service:<id>`, or `*`. */
  readonly services: readonly string[];
  /** Who asked for the token. */
  readonly requestorIdentity: string;
  /** BEARER_DELEGATION_TOKEN, or a kind that nobody accepts. */
  readonly kind: number;
  /** `key:value` pairs of the requestor. */
  readonly tags: readonly string[];
}

/** DelegationToken of the protocol: a subtoken and its signature. */
export interface DelegationTokenEnvelope {
  /** `user:<e-mail of the token server's service account>` */
  readonly signerId: string;
  readonly signingKeyId: string;
  readonly pkcs1Sha256Sig: Uint8Array;
  /** A serialized subtoken: the signed part. */
  readonly serializedSubtoken: Uint8Array;
}

/** The canonical bytes of a subtoken. */
export function encodeSubtoken(subtoken: Subtoken): Uint8Array {
  return new CanonicalWriter()
    .string(1, subtoken.delegatedIdentity)
    .number(2, subtoken.creationTime)
    .number(3, subtoken.validityDuration)
    .number(4, subtoken.subtokenId)
    .strings(5, subtoken.audience)
    .strings(6, subtoken.services)
    .string(7, subtoken.requestorIdentity)
    .number(8, subtoken.kind)
    .strings(9, subtoken.tags)
    .finish();
}

/** Reads a subtoken in its canonical encoding. Throws TokenRejected MALFORMED. */
export function decodeSubtoken(bytes: Uint8Array): Subtoken {
  return orMalformed(() => {
    const reader = new CanonicalReader(bytes);
    const subtoken = {
      delegatedIdentity: reader.string(1),
      creationTime: reader.safeNumber(2),
      validityDuration: int32(reader.safeNumber(3)),
      subtokenId: reader.int64(4),
      audience: reader.strings(5),
      services: reader.strings(6),
      requestorIdentity: reader.string(7),
      kind: int32(reader.safeNumber(8)),
      tags: reader.strings(9),
    };
    reader.end();
    return subtoken;
  });
}

/** The bytes that are signed for a subtoken: it alone. LUCI's signing context for delegation tokens is empty. */
export function delegationTokenSignedBytes(serializedSubtoken: Uint8Array): Uint8Array {
  return serializedSubtoken;
}

/** The text of a token: its envelope in the URL-safe base64 alphabet, without padding. */
export function encodeDelegationToken(envelope: DelegationTokenEnvelope): string {
  const bytes = new CanonicalWriter()
    .string(2, envelope.signerId)
    .string(3, envelope.signingKeyId)
    .bytes(4, envelope.pkcs1Sha256Sig)
    .bytes(5, envelope.serializedSubtoken)
    .finish();
  return encodeBase64(bytes, "base64url");
}

/**
 * Reads the envelope of a token; nothing in it is to be believed. As for machine tokens there is exactly one text, and
 * the bytes of the answer lie in `memory` if it is given. Throws TokenRejected: TOO_LARGE, MALFORMED.
 */
export function decodeUnverifiedDelegationToken(token: string, memory?: Buffer): DelegationTokenEnvelope {
  if (token.length > MAX_DELEGATION_TOKEN_LENGTH) {
    throw new TokenRejected("TOO_LARGE", `the delegation token has more than ${MAX_DELEGATION_TOKEN_BYTES} bytes`);
  }
  const length = decodedLength(token);
  const bytes = memory ?? Buffer.allocUnsafeSlow(length);
  if (!decodeBase64(token, "base64url", bytes)) {
    throw new TokenRejected("MALFORMED", "the delegation token is not unpadded base64 of the URL-safe alphabet");
  }
  return orMalformed(() => {
    const reader = new CanonicalReader(bytes, length);
    const envelope = {
      signerId: reader.string(2),
      signingKeyId: reader.string(3),
      pkcs1Sha256Sig: reader.bytes(4),
      serializedSubtoken: reader.bytes(5),
    };
    reader.end();
    return envelope;
  });
}

/** Readers that cut a number to 32 bits and readers that do not must not see two tokens in one. */
function int32(value: number): number {
  if (value > MAX_INT32) throw new Error("a number has more than 31 bits");
  return value;
}

function orMalformed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new TokenRejected("MALFORMED", "the token is not a delegation token in canonical form", error);
  }
}
