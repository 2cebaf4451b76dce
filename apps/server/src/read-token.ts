import { fromBinary, type JsonValue, type MessageShape, toJson } from "@bufbuild/protobuf";
import { DelegationTokenSchema, MachineTokenBodySchema, MachineTokenEnvelopeSchema, SubtokenSchema } from "@tokens/api";
import { formatTime } from "./rfc3339.js";
import { TOKEN_KINDS } from "./token-kinds.js";

/** What a token says of itself. Nobody has verified any of it. */
export interface ReadToken {
  readonly kind: keyof typeof TOKEN_KINDS;
  /** Who is said to have signed it. */
  readonly issuer: string;
  readonly keyId: string;
  /** Length of the signature. The signature itself would make a token of what is printed. */
  readonly signatureBytes: number;
  /** RFC 3339; null for a time that no calendar has. */
  readonly issuedAt: string | null;
  readonly expires: string | null;
  readonly body: JsonValue;
  /** Why strict verifiers refuse to read it, however good the signature is; null if they read it. */
  readonly problem: string | null;
}

/**
 * Reads a machine or a delegation token, signed or not, as leniently as LUCI does: what is wrong with a token can only be
 * said of one that was read. undefined for what is neither.
 */
export function readToken(text: string): ReadToken | undefined {
  const bytes = Buffer.from(text.replace(/\s/g, ""), "base64");
  return readMachineToken(text, bytes) ?? readDelegationToken(text, bytes);
}

function readMachineToken(text: string, bytes: Uint8Array): ReadToken | undefined {
  const envelope = read(() => fromBinary(MachineTokenEnvelopeSchema, bytes));
  if (!envelope || envelope.tokenBody.length === 0) return undefined;
  const body = read(() => fromBinary(MachineTokenBodySchema, envelope.tokenBody));
  return (
    body && {
      kind: "machine",
      issuer: body.issuedBy,
      keyId: envelope.keyId,
      signatureBytes: envelope.rsaSha256.length,
      ...lifeOf(body.issuedAt, body.lifetime),
      body: jsonOf(MachineTokenBodySchema, body),
      problem: problemOf("machine", text),
    }
  );
}

function readDelegationToken(text: string, bytes: Uint8Array): ReadToken | undefined {
  const envelope = read(() => fromBinary(DelegationTokenSchema, bytes));
  if (!envelope || envelope.serializedSubtoken.length === 0) return undefined;
  const subtoken = read(() => fromBinary(SubtokenSchema, envelope.serializedSubtoken));
  return (
    subtoken && {
      kind: "delegation",
      issuer: envelope.signerId,
      keyId: envelope.signingKeyId,
      signatureBytes: envelope.pkcs1Sha256Sig.length,
      ...lifeOf(subtoken.creationTime, BigInt(subtoken.validityDuration)),
      body: jsonOf(SubtokenSchema, subtoken),
      problem: problemOf("delegation", text),
    }
  );
}

/** Fields that say nothing are shown, too. */
function jsonOf<Schema extends typeof MachineTokenBodySchema | typeof SubtokenSchema>(
  schema: Schema,
  message: MessageShape<Schema>,
): JsonValue {
  return toJson(schema, message, { alwaysEmitImplicit: true });
}

function lifeOf(issuedAt: bigint, lifetime: bigint): Pick<ReadToken, "issuedAt" | "expires"> {
  return { issuedAt: timeText(issuedAt), expires: timeText(issuedAt + lifetime) };
}

function timeText(seconds: bigint): string | null {
  const time = Number(seconds) * 1000;
  return Number.isNaN(new Date(time).getTime()) ? null : formatTime(time);
}

function problemOf(kind: ReadToken["kind"], text: string): string | null {
  try {
    TOKEN_KINDS[kind].readUnverified(text);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : "unreadable";
  }
}

function read<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch {
    // Bytes that are no such message: perhaps they are another one.
    return undefined;
  }
}
