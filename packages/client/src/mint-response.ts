import { MintError } from "./errors.js";
import { encodeAudience } from "./machine-token-request.js";
import { readFields } from "./proto-wire.js";

/** A token fresh from the server. */
export interface MintedMachineToken {
  readonly token: string;
  /** When it expires, unix seconds; 0 when the server did not say. */
  readonly expirySeconds: number;
  readonly serviceVersion: string;
}

/** Names of `ErrorCode` by number. */
const ERROR_CODES: Readonly<Record<number, string>> = {
  0: "SUCCESS",
  1: "UNSUPPORTED_SIGNATURE",
  2: "UNSUPPORTED_TOKEN_TYPE",
  3: "BAD_TIMESTAMP",
  4: "BAD_CERTIFICATE_FORMAT",
  5: "BAD_SIGNATURE",
  6: "UNTRUSTED_CERTIFICATE",
  7: "BAD_TOKEN_ARGUMENTS",
  8: "MACHINE_TOKEN_MINTING_ERROR",
  1000: "REPLAYED_REQUEST",
  1001: "BAD_NONCE",
  1002: "WRONG_SERVER_NAME",
  1003: "BAD_AUDIENCE",
};

/** Fields of MintMachineTokenResponse and of the messages in it, by their numbers. */
const ERROR_CODE = 1;
const ERROR_MESSAGE = 2;
const TOKEN_RESPONSE = 3;
const SERVICE_VERSION = 4;
const REFERENCE_ID = 1000;
const RESPONSE_SERVICE_VERSION = 2;
const LUCI_MACHINE_TOKEN = 21;
const MACHINE_TOKEN = 1;
const EXPIRY = 2;
const SECONDS = 1;
const TOKEN_BODY = 1;
const AUDIENCE = 1000;

function text(bytes: Uint8Array | undefined): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw unreadable(error);
  }
}

/**
 * Reads a MintMachineTokenResponse. Throws a MintError: REFUSED with the server's error code; BAD_RESPONSE when it cannot
 * be read or holds no token.
 */
export function readMintResponse(body: Uint8Array): MintedMachineToken {
  const response = read(body);
  const errorCode = Number(BigInt.asIntN(32, response.numbers.get(ERROR_CODE) ?? 0n));
  if (errorCode !== 0) throw refusal(errorCode, response.bytes);
  const tokenResponse = response.bytes.get(TOKEN_RESPONSE);
  if (!tokenResponse) throw new MintError("BAD_RESPONSE", "token server didn't return a token");
  const inner = read(tokenResponse);
  const serviceVersion = text(inner.bytes.get(RESPONSE_SERVICE_VERSION));
  const { bytes } = read(inner.bytes.get(LUCI_MACHINE_TOKEN));
  const token = text(bytes.get(MACHINE_TOKEN));
  if (token === "") throw new MintError("BAD_RESPONSE", "the response has no machine token", { serviceVersion });
  const seconds = read(bytes.get(EXPIRY)).numbers.get(SECONDS) ?? 0n;
  return { token, expirySeconds: Number(BigInt.asIntN(64, seconds)), serviceVersion };
}

/**
 * Refuses a token that is not meant for the services that were asked for, and for them alone: a server that knows no
 * audiences makes one that is good everywhere. In a body the audience comes last. Throws a MintError.
 */
export function requireAudience(minted: MintedMachineToken, audience: readonly string[] = []): MintedMachineToken {
  if (audience.length === 0) return minted;
  const body = Buffer.from(read(Buffer.from(minted.token, "base64")).bytes.get(TOKEN_BODY) ?? []);
  const end = encodeAudience(audience);
  const isAtEnd = body.subarray(-end.length).equals(end);
  if (isAtEnd && !read(body.subarray(0, -end.length)).bytes.has(AUDIENCE)) return minted;
  const { serviceVersion } = minted;
  throw new MintError("BAD_RESPONSE", "the token is not meant for the audience that was asked for", { serviceVersion });
}

/** What is absent reads as a message without fields. */
function read(message: Uint8Array = new Uint8Array()): ReturnType<typeof readFields> {
  try {
    return readFields(message);
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(cause: unknown): MintError {
  return new MintError("BAD_RESPONSE", "the token server's response cannot be read", { cause });
}

function refusal(number: number, fields: ReadonlyMap<number, Uint8Array>): MintError {
  const errorCode = ERROR_CODES[number] ?? String(number);
  const message = text(fields.get(ERROR_MESSAGE)) || "no detailed error message";
  const serviceVersion = text(fields.get(SERVICE_VERSION));
  const referenceId = text(fields.get(REFERENCE_ID));
  const words = `token server error ${errorCode} - ${message}${referenceId && ` (reference ${referenceId})`}`;
  return new MintError("REFUSED", words, { errorCode, serviceVersion, ...(referenceId && { referenceId }) });
}
