import { hash } from "node:crypto";
import { CanonicalReader, CanonicalWriter } from "./canonical-proto.js";
import { TokenRejected } from "./errors.js";
import { decodeBase64, decodedLength, encodeBase64 } from "./token-text.js";

export { CanonicalReader } from "./canonical-proto.js";

/** The header in which machines send their token. */
export const MACHINE_TOKEN_HEADER = "X-Luci-Machine-Token";

/** Longest text of a token, in characters; those in use have about 540. */
export const MAX_MACHINE_TOKEN_LENGTH = 8192;

/** Bytes of a fingerprint. */
const FINGERPRINT_BYTES = 16;

/** What a machine token says: MachineTokenBody of the protocol. */
export interface MachineTokenBody {
  readonly machineFqdn: string;
  /** E-mail of the token server's service account. */
  readonly issuedBy: string;
  /** Unix seconds. */
  readonly issuedAt: number;
  /** Seconds. */
  readonly lifetime: number;
  /** Id of the CA of the machine's certificate. */
  readonly caId: bigint;
  /** Serial number of the certificate in lower-case hex: unsigned, big-endian, without leading zero bytes. */
  readonly certSn: string;
  /** Services that the token is meant for; none means any. */
  readonly audience: readonly string[];
}

/** MachineTokenEnvelope of the protocol: a body and its signature. */
export interface MachineTokenEnvelope {
  /** A serialized body: the signed part. */
  readonly tokenBody: Uint8Array;
  readonly keyId: string;
  readonly rsaSha256: Uint8Array;
}

/** A token that was read and not yet verified: nothing in it is to be believed. */
export interface UnverifiedMachineToken extends MachineTokenEnvelope {
  readonly body: MachineTokenBody;
}

/** The canonical bytes of a body. Throws a TypeError for a serial number that is not hex. */
export function encodeMachineTokenBody(body: MachineTokenBody): Uint8Array {
  return new CanonicalWriter()
    .string(1, body.machineFqdn)
    .string(2, body.issuedBy)
    .number(3, body.issuedAt)
    .number(4, body.lifetime)
    .number(5, body.caId)
    .hex(7, body.certSn)
    .strings(1000, body.audience)
    .finish();
}

function decodeBody(bytes: Uint8Array): MachineTokenBody {
  const reader = new CanonicalReader(bytes);
  const body = {
    machineFqdn: reader.string(1),
    issuedBy: reader.string(2),
    issuedAt: reader.safeNumber(3),
    lifetime: reader.safeNumber(4),
    caId: reader.int64(5),
    certSn: reader.hex(7),
    audience: reader.strings(1000),
  };
  reader.end();
  return body;
}

/** The bytes that are signed for a body: the body alone. LUCI's signing context for machine tokens is empty. */
export function machineTokenSignedBytes(tokenBody: Uint8Array): Uint8Array {
  return tokenBody;
}

/** The text of a token: its envelope in the standard base64 alphabet, without padding. */
export function encodeMachineToken({ tokenBody, keyId, rsaSha256 }: MachineTokenEnvelope): string {
  const envelope = new CanonicalWriter().bytes(1, tokenBody).string(2, keyId).bytes(3, rsaSha256).finish();
  return encodeBase64(envelope, "base64");
}

function decodeEnvelope(bytes: Uint8Array, length: number): MachineTokenEnvelope {
  const reader = new CanonicalReader(bytes, length);
  const envelope = { tokenBody: reader.bytes(1), keyId: reader.string(2), rsaSha256: reader.bytes(3) };
  reader.end();
  return envelope;
}

/**
 * Reads a token without verifying anything. There is exactly one text for a token: other alphabets, padding, blanks and
 * every other encoding of the same message are refused. The bytes of the answer lie in `memory`, which lets a verifier
 * use the same again and again; without it each answer has its own. Throws TokenRejected: TOO_LARGE, MALFORMED.
 */
export function decodeUnverifiedMachineToken(token: string, memory?: Buffer): UnverifiedMachineToken {
  if (token.length > MAX_MACHINE_TOKEN_LENGTH) {
    throw new TokenRejected("TOO_LARGE", `the token has more than ${MAX_MACHINE_TOKEN_LENGTH} characters`);
  }
  const length = decodedLength(token);
  const bytes = memory ?? Buffer.allocUnsafeSlow(length);
  if (!decodeBase64(token, "base64", bytes)) {
    throw new TokenRejected("MALFORMED", "the token is not unpadded base64 of the standard alphabet");
  }
  try {
    const { tokenBody, keyId, rsaSha256 } = decodeEnvelope(bytes, length);
    return { tokenBody, keyId, rsaSha256, body: decodeBody(tokenBody) };
  } catch (error) {
    throw new TokenRejected("MALFORMED", "the token is not a machine token in canonical form", error);
  }
}

/** What stands for a token in logs: the first 16 bytes of the SHA-256 of its text, in hex. */
export function tokenFingerprint(token: string): string {
  return hash("sha256", token, "hex").slice(0, 2 * FINGERPRINT_BYTES);
}
