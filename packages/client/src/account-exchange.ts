import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type MintProjectTokenRequestSchema,
  type MintServiceAccountTokenRequestSchema,
  ServiceAccountTokenKind,
} from "@tokens/api";
import { MintError } from "./errors.js";
import type { KeptToken } from "./kept-tokens.js";

/** What all requests for tokens of accounts have in common. */
export interface AccountTokenRequest {
  /** `key:value`, for the server's audit log. Their order does not matter. */
  readonly tags?: readonly string[];
  /** How much of the token's life must be left when it is used, from 30 s up. Default: 10 min. */
  readonly minTtlSeconds?: number;
}

/** Where a service account is used. */
export interface AccountUse extends AccountTokenRequest {
  /** E-mail of the service account. */
  readonly account: string;
  /** `<project>:<realm>` in which it is used. */
  readonly realm: string;
}

export interface AccountAccessRequest extends AccountUse {
  /** OAuth2 scopes, at least one. Their order does not matter. */
  readonly scopes: readonly string[];
}

export interface AccountIdRequest extends AccountUse {
  /** Who shall accept the token. */
  readonly audience: string;
}

export interface ProjectAccessRequest extends AccountTokenRequest {
  readonly project: string;
  /** OAuth2 scopes, at least one. Their order does not matter. */
  readonly scopes: readonly string[];
}

/** A request that can be sent. */
export interface CheckedAccountRequest<Message> {
  /** The same for the same request, whatever the order of its lists. */
  readonly key: string;
  readonly message: Message;
  readonly minTtlSeconds: number;
}

type AccountMessage = MessageInitShape<typeof MintServiceAccountTokenRequestSchema>;
type ProjectMessage = MessageInitShape<typeof MintProjectTokenRequestSchema>;

const DEFAULT_MIN_TTL_SECONDS = 600;
const LEAST_TTL_SECONDS = 30;
/** A token is asked for with this much more life than it must have, so that it is good for a while. */
const SPARE_SECONDS = 300;
/** The most that the server lets anybody ask for. */
const MAX_ACCOUNT_SECONDS = 3600;
const MAX_PROJECT_SECONDS = 1800;

/** Checks a request for an access token of an account. Throws a MintError REFUSED that names what is wrong with it. */
export function checkAccountAccess(request: AccountAccessRequest): CheckedAccountRequest<AccountMessage> {
  const oauthScope = sortedScopes(request.scopes);
  const tokenKind = ServiceAccountTokenKind.SERVICE_ACCOUNT_TOKEN_ACCESS_TOKEN;
  return checked({ ...accountFields(request), tokenKind, oauthScope }, request, MAX_ACCOUNT_SECONDS);
}

/** Checks a request for an ID token of an account. Throws a MintError REFUSED that names what is wrong with it. */
export function checkAccountId(request: AccountIdRequest): CheckedAccountRequest<AccountMessage> {
  if (request.audience === "") throw refuse("'audience' is required");
  const tokenKind = ServiceAccountTokenKind.SERVICE_ACCOUNT_TOKEN_ID_TOKEN;
  const message = { ...accountFields(request), tokenKind, idTokenAudience: request.audience };
  return checked(message, request, MAX_ACCOUNT_SECONDS);
}

/** Checks a request for an access token of a project. Throws a MintError REFUSED that names what is wrong with it. */
export function checkProjectAccess(request: ProjectAccessRequest): CheckedAccountRequest<ProjectMessage> {
  if (request.project === "") throw refuse("'project' is required");
  const message = { luciProject: request.project, oauthScope: sortedScopes(request.scopes) };
  return checked(message, request, MAX_PROJECT_SECONDS);
}

function accountFields({ account, realm }: AccountUse) {
  if (account === "") throw refuse("'account' is required");
  if (realm === "") throw refuse("'realm' is required");
  return { serviceAccount: account, realm };
}

function sortedScopes(scopes: readonly string[]): string[] {
  if (scopes.length === 0 || scopes.includes("")) throw refuse("'scopes' are required, and none may be empty");
  return [...new Set(scopes)].toSorted();
}

function checked<Message extends object>(
  fields: Message,
  { tags = [], minTtlSeconds = DEFAULT_MIN_TTL_SECONDS }: AccountTokenRequest,
  maxSeconds: number,
): CheckedAccountRequest<Message & { readonly auditTags: string[]; readonly minValidityDuration: bigint }> {
  if (!Number.isSafeInteger(minTtlSeconds) || minTtlSeconds < LEAST_TTL_SECONDS || minTtlSeconds > maxSeconds) {
    throw refuse(`'minTtlSeconds' must be a whole number from ${LEAST_TTL_SECONDS} to ${maxSeconds}`);
  }
  const auditTags = [...tags].toSorted();
  const key = JSON.stringify([fields, auditTags, minTtlSeconds]);
  const minValidityDuration = BigInt(Math.min(minTtlSeconds + SPARE_SECONDS, maxSeconds));
  return { key, message: { ...fields, auditTags, minValidityDuration }, minTtlSeconds };
}

function refuse(problem: string): MintError {
  return new MintError("REFUSED", `bad token request: ${problem}`);
}

/** The token in an answer. Throws a MintError BAD_RESPONSE for an answer without one, or without its end. */
export function readAccountToken(token: string, expiry: Timestamp | undefined): KeptToken {
  if (token === "") throw new MintError("BAD_RESPONSE", "the token server's response has no token");
  if (!expiry) throw new MintError("BAD_RESPONSE", "the token server's response does not say when its token expires");
  return { token, expiryMs: timestampMs(expiry) };
}
