/** Why a token was refused. Sending it again will not help. */
export type TokenRejectedCode =
  | "MALFORMED"
  | "TOO_LARGE"
  | "UNKNOWN_ISSUER"
  | "UNKNOWN_KEY"
  | "BAD_SIGNATURE"
  | "NOT_YET_VALID"
  | "EXPIRED"
  | "REVOKED"
  | "WRONG_SERVICE"
  | "WRONG_AUDIENCE"
  | "WRONG_KIND"
  | "BAD_IDENTITY"
  | "DUPLICATE_HEADER";

/** The token is bad: answer 401. The message never repeats the token. */
export class TokenRejected extends Error {
  override name = "TokenRejected";
  readonly code: TokenRejectedCode;

  constructor(code: TokenRejectedCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** The tokens are good, and who sent them may still not do this: answer 403. */
export class PermissionDenied extends Error {
  override name = "PermissionDenied";
  readonly code = "PERMISSION_DENIED";
}

/** Why nobody can tell whether a token is good. */
export type TrustUnavailableCode = "NEVER_FETCHED" | "STALE" | "BAD_DOCUMENT" | "GROUPS_UNAVAILABLE";

/** Nobody can tell now whether the token is good: answer 503. It must not let a request in. */
export class TrustUnavailable extends Error {
  override name = "TrustUnavailable";
  readonly code: TrustUnavailableCode;

  constructor(code: TrustUnavailableCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
