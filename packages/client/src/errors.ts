/** What to do about a token that was not minted: nothing, try again later, or look at the server. */
export type MintErrorCode = "REFUSED" | "UNAVAILABLE" | "BAD_RESPONSE";

/** Details of a {@link MintError}; each is set where it is known. */
export interface MintErrorDetails {
  /** The RPC's code by gRPC's numbers, when the call itself failed. */
  readonly grpcCode?: number;
  /** The server's `ErrorCode`, by name or else by number, when it refused the token. */
  readonly errorCode?: string;
  /** The version that the refusing server said it has. */
  readonly serviceVersion?: string;
  /** Names the refusal in the server's log. */
  readonly referenceId?: string;
  readonly cause?: unknown;
}

/**
 * A token was not minted. REFUSED: repeating will not help. UNAVAILABLE: the server could not be reached or could not
 * tell; only this is worth another try. BAD_RESPONSE: it answered something that is no answer.
 */
export class MintError extends Error {
  override name = "MintError";
  readonly code: MintErrorCode;
  readonly grpcCode: number | undefined;
  readonly errorCode: string | undefined;
  readonly serviceVersion: string | undefined;
  readonly referenceId: string | undefined;

  constructor(code: MintErrorCode, message: string, details: MintErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.grpcCode = details.grpcCode;
    this.errorCode = details.errorCode;
    this.serviceVersion = details.serviceVersion;
    this.referenceId = details.referenceId;
  }
}

/** A key or a certificate that cannot be used. The message says which, why, and what is expected. */
export class MachineKeyError extends Error {
  override name = "MachineKeyError";
}
