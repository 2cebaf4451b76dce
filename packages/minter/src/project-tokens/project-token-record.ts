import { tokenFingerprint } from "@tokens/machine-auth/machine-token";
import type { Credential } from "../credentials/credential-backend.js";
import type { CallFacts } from "../rpc/call-facts.js";
import type { CheckedProjectRequest } from "./project-token-request.js";

/** What a record of a project's token is made of. */
export interface MintedProjectToken {
  readonly credential: Credential;
  readonly account: string;
  readonly checked: CheckedProjectRequest;
  readonly peer: string;
  /** Unix milliseconds. */
  readonly requestedMs: number;
}

/** The row of LUCI's table project_tokens: tokenserver.bq.ProjectToken by its column names. Never the token itself. */
export function projectTokenColumns(minted: MintedProjectToken, facts: CallFacts): Record<string, unknown> {
  const { credential, account, checked, peer, requestedMs } = minted;
  return {
    fingerprint: tokenFingerprint(credential.token),
    service_account: account,
    oauth_scopes: checked.scopes,
    luci_project: checked.project,
    service_identity: peer.startsWith("user:") ? peer.slice("user:".length) : "",
    requested_at: new Date(requestedMs).toISOString(),
    expiration: new Date(credential.expiryMs).toISOString(),
    audit_tags: checked.tags,
    ...facts,
    auth_db_rev: "0",
  };
}
