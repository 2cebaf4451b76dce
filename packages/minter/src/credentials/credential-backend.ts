/** A token of a service account: an OAuth2 access token or an OpenID Connect ID token. */
export interface Credential {
  readonly token: string;
  /** Unix milliseconds. */
  readonly expiryMs: number;
}

/** Whose token is wanted, and how long it must and may live. */
export interface CredentialRequest {
  /** E-mail of the service account. */
  readonly account: string;
  /** Accounts by which this server acts as `account`: each may act as the next one, the last as `account`. */
  readonly delegates: readonly string[];
  /** Identity of the caller, which tokens may name. */
  readonly caller: string;
  /** How long the token must live from now on at least. */
  readonly minValiditySeconds: number;
  /** When the token must be over, in unix milliseconds. Undefined: when its maker pleases. */
  readonly notAfterMs: number | undefined;
}

export interface AccessTokenRequest extends CredentialRequest {
  /** Sorted, each once. */
  readonly scopes: readonly string[];
}

export interface IdTokenRequest extends CredentialRequest {
  readonly audience: string;
}

/**
 * What makes tokens of service accounts. It makes those that end by `notAfterMs` if it can; who asks it must look at what
 * it got. Both reject with a CredentialRefused, or with Unavailable.
 */
export interface CredentialBackend {
  accessToken(request: AccessTokenRequest): Promise<Credential>;
  idToken(request: IdTokenRequest): Promise<Credential>;
}

/**
 * REFUSED: there is no such token. TOO_SHORT: it would not live as long as it must. TOO_LONG: it would live longer than
 * it may, and its maker cannot shorten it.
 */
export type CredentialRefusal = "REFUSED" | "TOO_SHORT" | "TOO_LONG";

/** A token is not made, and repeating will not help. The message names no secrets. */
export class CredentialRefused extends Error {
  override name = "CredentialRefused";
  readonly code: CredentialRefusal;

  constructor(code: CredentialRefusal, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
