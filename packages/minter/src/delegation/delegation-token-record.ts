import type { Subtoken } from "@tokens/machine-auth/delegation-token";
import { tokenFingerprint } from "@tokens/machine-auth/machine-token";
import type { CallFacts } from "../rpc/call-facts.js";
import type { CheckedDelegationRequest } from "./delegation-request.js";
import type { DelegationRule } from "./delegation-rules.js";

/** What a record of a delegation token is made of. */
export interface MintedDelegationToken {
  readonly token: string;
  readonly subtoken: Subtoken;
  readonly checked: CheckedDelegationRequest;
  readonly rule: DelegationRule;
  /** Revision of the policy that the rule is in. */
  readonly revision: string;
}

/**
 * The row of LUCI's table delegation_tokens: tokenserver.bq.DelegationToken by its column names. Never the token itself.
 * Groups have no revision number of their own: config_rev names them too.
 */
export function delegationTokenColumns(
  { token, subtoken, checked, rule, revision }: MintedDelegationToken,
  facts: CallFacts,
): Record<string, unknown> {
  return {
    fingerprint: tokenFingerprint(token),
    token_kind: "BEARER_DELEGATION_TOKEN",
    token_id: subtoken.subtokenId.toString(),
    delegated_identity: subtoken.delegatedIdentity,
    requestor_identity: subtoken.requestorIdentity,
    issued_at: timestamp(subtoken.creationTime),
    expiration: timestamp(subtoken.creationTime + subtoken.validityDuration),
    target_audience: subtoken.audience,
    target_services: subtoken.services,
    requested_validity: checked.validitySeconds.toString(),
    requested_intent: checked.intent,
    tags: subtoken.tags,
    config_rev: revision,
    config_rule: rule.name,
    ...facts,
    auth_db_rev: "0",
  };
}

function timestamp(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
