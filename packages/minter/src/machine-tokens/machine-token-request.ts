import { fromBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  ErrorCode,
  type MachineTokenRequest,
  MachineTokenRequestSchema,
  MachineTokenType,
  type MintMachineTokenRequest,
} from "@tokens/api";
import { type Certificate, parseCertificate } from "@tokens/pki";
import { refuseCall, refuseToken } from "../errors.js";
import { checkStrictFields } from "../rpc/strict-fields.js";
import { decodeTokenRequest } from "./decode-mint-request.js";
import { requireSignature } from "./request-signature.js";

/** How far a machine's clock may be off, in seconds: ten minutes either way, ends included. */
export const MAX_CLOCK_DIFFERENCE_SECONDS = 600;
const MAX_CLOCK_DIFFERENCE_NS = BigInt(MAX_CLOCK_DIFFERENCE_SECONDS) * 1_000_000_000n;

const OUT_OF_RANGE = "issued_at timestamp is not within acceptable range, check your clock";

/** Seconds of 0001-01-01T00:00:00Z, which stands for "no time at all" in LUCI's code. */
const YEAR_1_SECONDS = -62135596800n;

/** A request whose sender holds the private key of the certificate in it. */
export interface ProvenRequest {
  readonly certificate: Certificate;
  readonly request: MachineTokenRequest;
}

/**
 * Reads a machine's request and proves that its sender holds the certificate's private key: the first eight checks of
 * MintMachineToken, cheapest first. `mayBeEc` says whether EC and Ed25519 keys may sign, as far as is known before the CA
 * is. `read` reads the certificate. Throws a Refusal.
 */
export function proveRequest(
  call: MintMachineTokenRequest,
  nowMs: number,
  mayBeEc: () => boolean = () => false,
  read: (der: Uint8Array) => Certificate = parseCertificate,
): ProvenRequest {
  const request = readRequest(call.serializedTokenRequest);
  requireTokenType(request.tokenType);
  requireFresh(request, nowMs);
  const certificate = readCertificate(request.certificate, read);
  requireSignature(call, request.signatureAlgorithm, certificate, mayBeEc);
  return { certificate, request };
}

function readRequest(bytes: Uint8Array): MachineTokenRequest {
  if (bytes.length === 0) throw refuseCall(Code.InvalidArgument, "empty request");
  try {
    const read = decodeTokenRequest(bytes);
    if (read) return read;
    checkStrictFields(MachineTokenRequestSchema, bytes);
    return fromBinary(MachineTokenRequestSchema, bytes);
  } catch (error) {
    const why = error instanceof Error ? error.message : "unreadable";
    throw refuseCall(Code.InvalidArgument, "failed to unmarshal TokenRequest", why, error);
  }
}

function requireTokenType(type: MachineTokenType): void {
  if (type === MachineTokenType.LUCI_MACHINE_TOKEN) return;
  const name = MachineTokenType[type] ?? String(type);
  throw refuseToken(ErrorCode.UNSUPPORTED_TOKEN_TYPE, `token_type ${name} is not supported`);
}

/** Integers all the way: a number that is not one would make every comparison false, and the request fresh. */
function requireFresh({ issuedAt }: MachineTokenRequest, nowMs: number): void {
  const seconds = issuedAt?.seconds ?? 0n;
  const nanos = issuedAt?.nanos ?? 0;
  if (seconds === YEAR_1_SECONDS && nanos === 0) throw refuseToken(ErrorCode.BAD_TIMESTAMP, "issued_at is required");
  if (nanos < 0 || nanos > 999_999_999) {
    throw refuseToken(ErrorCode.BAD_TIMESTAMP, OUT_OF_RANGE, "its nanoseconds are outside of 0 to 999999999");
  }
  const difference = seconds * 1_000_000_000n + BigInt(nanos) - BigInt(Math.floor(nowMs * 1000)) * 1000n;
  if (difference > MAX_CLOCK_DIFFERENCE_NS || difference < -MAX_CLOCK_DIFFERENCE_NS) {
    const detail = `issued_at is ${difference / 1_000_000n} ms off the server's clock`;
    throw refuseToken(ErrorCode.BAD_TIMESTAMP, OUT_OF_RANGE, detail);
  }
}

function readCertificate(der: Uint8Array, read: (der: Uint8Array) => Certificate): Certificate {
  try {
    return read(der);
  } catch (error) {
    const why = error instanceof Error ? error.message : "unreadable";
    const message = "failed to parse the certificate (expecting x509 cert DER)";
    throw refuseToken(ErrorCode.BAD_CERTIFICATE_FORMAT, message, why, error);
  }
}
