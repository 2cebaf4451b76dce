import { Code, ConnectError } from "@connectrpc/connect";
import type { ErrorCode } from "@tokens/api";

/** The header that names a refusal in the server's log. */
export const REFERENCE_HEADER = "X-Tokens-Reference";

/** Why no rule allowed a call, for the operators. */
export interface Explanation {
  /** Revision of the policy that the rules are in. */
  readonly policyRevision: string;
  readonly considered: readonly ConsideredRule[];
}

/** A rule that was looked at. */
export interface ConsideredRule {
  readonly rule: string;
  /** The first part of it that the call did not fit; undefined if it fitted all of them. */
  readonly failed: string | undefined;
}

/**
 * No, and repeating will not help. The message is for the caller and says little; the detail is for the log and says
 * exactly what was wrong, without tokens, keys or certificates in it.
 */
export class Refusal extends Error {
  override name = "Refusal";
  readonly detail: string;
  /** The answer as an RPC error, where the RPC has no error code of its own. */
  readonly code: Code;
  /** The rules that were asked, where rules decided. */
  explanation?: Explanation;
  /** Who the peer had proved to be, where the call was refused before it had a caller. */
  peer?: string;
  /** The answer within a MintMachineTokenResponse, which then travels as a success. */
  readonly errorCode: ErrorCode | undefined;

  constructor(code: Code, errorCode: ErrorCode | undefined, message: string, detail: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.errorCode = errorCode;
    this.detail = detail;
  }
}

/** A refusal that ends the RPC with an error. */
export function refuseCall(code: Code, message: string, detail: string = message, cause?: unknown): Refusal {
  return new Refusal(code, undefined, message, detail, cause);
}

/** A refusal by rules: it says which were looked at, and where each failed first. */
export function explain(refusal: Refusal, explanation: Explanation): Refusal {
  refusal.explanation = explanation;
  return refusal;
}

/** Says of a refusal that no rule decided, which policy was in force. Returns the error, whatever it is. */
export function noteRevision(error: unknown, policyRevision: string): unknown {
  if (error instanceof Refusal) error.explanation ??= { policyRevision, considered: [] };
  return error;
}

/** A refusal that MintMachineToken reports in its response. */
export function refuseToken(errorCode: ErrorCode, message: string, detail: string = message, cause?: unknown): Refusal {
  return new Refusal(Code.FailedPrecondition, errorCode, message, detail, cause);
}

/** How long a caller should wait before it tries again, in seconds. */
const RETRY_AFTER_SECONDS = 5;

/** Cannot tell now: something that the answer needs is out of reach. The caller should try again; the detail is logged. */
export class Unavailable extends Error {
  override name = "Unavailable";
  readonly detail: string;

  constructor(message: string, detail: string = message, cause?: unknown) {
    super(message, { cause });
    this.detail = detail;
  }
}

/** What the caller sees of an error: a refusal's own words, and nothing of a bug or an outage. */
export function renderError(error: unknown, referenceId: string): ConnectError {
  const metadata = { [REFERENCE_HEADER]: referenceId };
  if (error instanceof Refusal) return new ConnectError(error.message, error.code, metadata);
  if (error instanceof Unavailable) {
    return new ConnectError(error.message, Code.Unavailable, { ...metadata, "Retry-After": `${RETRY_AFTER_SECONDS}` });
  }
  if (error instanceof ConnectError) {
    error.metadata.set(REFERENCE_HEADER, referenceId);
    return error;
  }
  return new ConnectError("internal error", Code.Internal, metadata);
}
