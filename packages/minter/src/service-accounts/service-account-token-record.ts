import { ServiceAccountTokenKind } from "@tokens/api";
import { tokenFingerprint } from "@tokens/machine-auth/machine-token";
import type { Caller } from "../access/caller.js";
import type { Credential } from "../credentials/credential-backend.js";
import type { CallFacts } from "../rpc/call-facts.js";
import type { CheckedAccountRequest } from "./service-account-request.js";

/** What a record of a service account's token is made of. */
export interface MintedAccountToken {
  readonly credential: Credential;
  readonly checked: CheckedAccountRequest;
  readonly caller: Caller;
  /** Unix milliseconds. */
  readonly requestedMs: number;
  /** Revision of the policy that allowed it. */
  readonly revision: string;
}

const { SERVICE_ACCOUNT_TOKEN_ACCESS_TOKEN: ACCESS_TOKEN, SERVICE_ACCOUNT_TOKEN_ID_TOKEN: ID_TOKEN } =
  ServiceAccountTokenKind;

/**
 * The row of LUCI's table service_account_tokens: tokenserver.bq.ServiceAccountToken by its column names. Never the token
 * itself.
 */
export function accountTokenColumns(minted: MintedAccountToken, facts: CallFacts): Record<string, unknown> {
  const { credential, checked, caller, requestedMs, revision } = minted;
  const { wanted } = checked;
  return {
    fingerprint: tokenFingerprint(credential.token),
    kind: ServiceAccountTokenKind[wanted.kind === "access" ? ACCESS_TOKEN : ID_TOKEN],
    service_account: checked.account,
    realm: checked.realm,
    oauth_scopes: wanted.kind === "access" ? wanted.scopes : [],
    id_token_audience: wanted.kind === "id" ? wanted.audience : "",
    request_identity: caller.identity,
    peer_identity: caller.peer,
    requested_at: new Date(requestedMs).toISOString(),
    expiration: new Date(credential.expiryMs).toISOString(),
    audit_tags: checked.tags,
    config_rev: revision,
    ...facts,
    auth_db_rev: "0",
  };
}
