import { Code } from "@connectrpc/connect";
import { type MintServiceAccountTokenRequest, ServiceAccountTokenKind } from "@tokens/api";
import { isIdentity } from "@tokens/machine-auth";
import { parseRealmName } from "../access/realm-name.js";
import { refuseCall } from "../errors.js";
import { tagsProblem } from "../tags.js";

const DEFAULT_VALIDITY_SECONDS = 300;
const MAX_VALIDITY_SECONDS = 3600n;

const { SERVICE_ACCOUNT_TOKEN_ACCESS_TOKEN: ACCESS_TOKEN, SERVICE_ACCOUNT_TOKEN_ID_TOKEN: ID_TOKEN } =
  ServiceAccountTokenKind;

/** What kind of token is wanted, and what belongs to it alone. */
export type WantedToken =
  /** The scopes are sorted, each once. */
  { readonly kind: "access"; readonly scopes: readonly string[] } | { readonly kind: "id"; readonly audience: string };

/** A request whose every part can be read. */
export interface CheckedAccountRequest {
  readonly wanted: WantedToken;
  readonly account: string;
  readonly realm: string;
  /** The project that the realm belongs to. */
  readonly project: string;
  readonly minValiditySeconds: number;
  readonly tags: readonly string[];
}

/** Reads a request in the order of LUCI's checks. Throws a Refusal INVALID_ARGUMENT. */
export function checkAccountRequest(request: MintServiceAccountTokenRequest): CheckedAccountRequest {
  const { tokenKind, serviceAccount: account, realm, minValidityDuration: seconds, auditTags: tags } = request;
  if (tokenKind === ServiceAccountTokenKind.SERVICE_ACCOUNT_TOKEN_UNSPECIFIED) throw refuse("token_kind is required");
  if (tokenKind !== ACCESS_TOKEN && tokenKind !== ID_TOKEN)
    throw refuse(`unrecognized token_kind ${String(tokenKind)}`);
  if (account === "") throw refuse("service_account is required");
  if (!isIdentity(`user:${account}`))
    throw refuse(`bad service_account: ${JSON.stringify(account)} is no e-mail address`);
  if (realm === "") throw refuse("realm is required");
  const project = parseRealmName(realm)?.project;
  if (project === undefined) throw refuse(`bad realm: ${JSON.stringify(realm)} is not project:realm in lower case`);
  const wanted = wantedToken(tokenKind, request);
  const minValiditySeconds = readValidity(seconds);
  const tagProblem = tagsProblem(tags);
  if (tagProblem !== undefined) throw refuse(`bad audit_tags: ${tagProblem}`);
  return { wanted, account, realm, project, minValiditySeconds, tags };
}

function wantedToken(
  kind: typeof ACCESS_TOKEN | typeof ID_TOKEN,
  { oauthScope: scopes, idTokenAudience: audience }: MintServiceAccountTokenRequest,
): WantedToken {
  const when = `when token_kind is ${ServiceAccountTokenKind[kind]}`;
  if (kind === ACCESS_TOKEN) {
    if (scopes.length === 0) throw refuse(`oauth_scope is required ${when}`);
    if (scopes.includes("")) throw refuse("bad oauth_scope: got an empty string");
    if (audience !== "") throw refuse(`id_token_audience must not be used ${when}`);
    return { kind: "access", scopes: [...new Set(scopes)].toSorted() };
  }
  if (scopes.length > 0) throw refuse(`oauth_scope must not be used ${when}`);
  if (audience === "") throw refuse(`id_token_audience is required ${when}`);
  return { kind: "id", audience };
}

function readValidity(seconds: bigint): number {
  if (seconds < 0n) throw refuse(`bad min_validity_duration: ${seconds} must be positive`);
  if (seconds > MAX_VALIDITY_SECONDS) {
    throw refuse(`bad min_validity_duration: ${seconds} must be not greater than ${MAX_VALIDITY_SECONDS}`);
  }
  return seconds === 0n ? DEFAULT_VALIDITY_SECONDS : Number(seconds);
}

function refuse(message: string): Error {
  return refuseCall(Code.InvalidArgument, message);
}
