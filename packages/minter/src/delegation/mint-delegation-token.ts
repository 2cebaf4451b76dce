import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { Code, type HandlerContext } from "@connectrpc/connect";
import {
  type MintDelegationTokenRequest,
  type MintDelegationTokenResponse,
  MintDelegationTokenResponseSchema,
} from "@tokens/api";
import {
  BEARER_DELEGATION_TOKEN,
  delegationTokenSignedBytes,
  encodeDelegationToken,
  encodeSubtoken,
  MAX_DELEGATION_TOKEN_LENGTH,
  type Subtoken,
} from "@tokens/machine-auth/delegation-token";
import { ANONYMOUS } from "../access/canonical-identity.js";
import type { Groups } from "../access/groups.js";
import { entriesOf } from "../access/identity-set.js";
import type { Recorder } from "../audit/recorder.js";
import { explain, type Explanation, noteRevision, refuseCall } from "../errors.js";
import type { Signer } from "../keys/signer.js";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import { callFacts } from "../rpc/call-facts.js";
import { callerKey } from "../rpc/caller.js";
import { delegationTokenColumns } from "./delegation-token-record.js";
import { type CheckedDelegationRequest, checkDelegationRequest, type ResolveServices } from "./delegation-request.js";
import { decideDelegation, type DelegationRule, firstMisfit, mayAsk } from "./delegation-rules.js";

/** What decides about delegation: the rules and groups of one policy. */
export interface DelegationPolicy {
  readonly delegation: readonly DelegationRule[];
  readonly groups: Groups;
  readonly revision: string;
}

/** What minting delegation tokens needs. */
export interface DelegationMinter {
  readonly policy: () => DelegationPolicy;
  readonly resolveServices: ResolveServices;
  /** What signs now. Throws Unavailable. */
  readonly signer: () => Signer;
  /** E-mail that the tokens name as their signer. */
  readonly serviceAccount: string;
  readonly serviceVersion: string;
  readonly recorder: Recorder;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** The RPC MintDelegationToken: who acts for whom, if exactly one rule allows it. */
export function delegationTokenRpc(
  minter: DelegationMinter,
): (request: MintDelegationTokenRequest, context: HandlerContext) => Promise<MintDelegationTokenResponse> {
  return async (request, context) => {
    const policy = minter.policy();
    return mintDelegationToken(request, context, policy, minter).catch((error: unknown) => {
      throw noteRevision(error, policy.revision);
    });
  };
}

async function mintDelegationToken(
  request: MintDelegationTokenRequest,
  context: HandlerContext,
  policy: DelegationPolicy,
  minter: DelegationMinter,
): Promise<MintDelegationTokenResponse> {
  const requestor = requireRequestor(context, policy);
  // From here on: the caller is itself, and may ask for something.
  const checked = await checkDelegationRequest(request, requestor, minter.resolveServices);
  const rule = requireOneRule(checked, policy);
  // From here on: the rule allows it.
  const subtoken = makeSubtoken(checked, minter.clock());
  const signer = minter.signer();
  const token = await signSubtoken(subtoken, signer, minter.serviceAccount);
  const facts = callFacts({ values: context.values, headers: context.requestHeader }, minter.serviceVersion);
  const columns = delegationTokenColumns({ token, subtoken, checked, rule, revision: policy.revision }, facts);
  await minter.recorder.record({ kind: "delegation", columns });
  // From here on: the token is on record, and may leave.
  minter.log.info({ ...columns, keyId: signer.keyId }, "delegation token minted");
  minter.metrics.count("tokens_minted_total", { kind: "delegation" });
  return answer(token, subtoken, minter.serviceVersion);
}

/** Whoever acts for somebody else already gets no further token: delegation does not chain. */
function requireRequestor({ values }: HandlerContext, { delegation, groups, revision }: DelegationPolicy): string {
  const { identity, peer, delegation: parent } = values.get(callerKey);
  if (identity !== peer || parent) throw refuseCall(Code.PermissionDenied, "delegation is forbidden for this API call");
  if (identity === ANONYMOUS) throw refuseCall(Code.Unauthenticated, "authentication required");
  if (!mayAsk(identity, delegation, groups)) {
    const refusal = refuseCall(Code.PermissionDenied, "not authorized", `${identity} is no requestor of any rule`);
    const considered = delegation.map(({ name }) => ({ rule: name, failed: "requestor" }));
    throw explain(refusal, { policyRevision: revision, considered });
  }
  return identity;
}

function requireOneRule(checked: CheckedDelegationRequest, policy: DelegationPolicy): DelegationRule {
  const decision = decideDelegation(policy.delegation, checked.query, checked.validitySeconds, policy.groups);
  if (decision.rule) return decision.rule;
  const refusal = refuseCall(Code.PermissionDenied, `forbidden - ${decision.reason}`);
  throw explain(refusal, explanationOf(checked, policy));
}

/** What each rule says to the request; the last part is the life, which only the one rule that matches is asked about. */
function explanationOf(
  { query, validitySeconds }: CheckedDelegationRequest,
  { delegation, groups, revision }: DelegationPolicy,
): Explanation {
  const considered = delegation.map((rule) => ({
    rule: rule.name,
    failed:
      firstMisfit(rule, query, groups) ??
      (validitySeconds > rule.maxValiditySeconds ? "max_validity_duration" : undefined),
  }));
  return { policyRevision: revision, considered };
}

function makeSubtoken({ query, validitySeconds, tags }: CheckedDelegationRequest, nowMs: number): Subtoken {
  return {
    kind: BEARER_DELEGATION_TOKEN,
    subtokenId: newTokenId(),
    delegatedIdentity: query.delegator,
    requestorIdentity: query.requestor,
    creationTime: Math.floor(nowMs / 1000),
    validityDuration: Number(validitySeconds),
    audience: entriesOf(query.audience),
    services: entriesOf(query.services),
    tags,
  };
}

/** 63 random bits, and never 0: no two tokens share an id, without a counter that all servers would have to share. */
function newTokenId(): bigint {
  return BigInt.asUintN(63, randomBytes(8).readBigUInt64BE()) || 1n;
}

async function signSubtoken(subtoken: Subtoken, signer: Signer, serviceAccount: string): Promise<string> {
  const serializedSubtoken = encodeSubtoken(subtoken);
  const pkcs1Sha256Sig = await signer.sign(delegationTokenSignedBytes(serializedSubtoken));
  const signerId = `user:${serviceAccount}`;
  const token = encodeDelegationToken({ signerId, signingKeyId: signer.keyId, pkcs1Sha256Sig, serializedSubtoken });
  if (token.length > MAX_DELEGATION_TOKEN_LENGTH) {
    throw refuseCall(Code.InvalidArgument, "bad request - the token would have more than 8192 bytes; ask for less");
  }
  return token;
}

function answer(token: string, subtoken: Subtoken, serviceVersion: string): MintDelegationTokenResponse {
  const delegationSubtoken = {
    ...subtoken,
    creationTime: BigInt(subtoken.creationTime),
    audience: [...subtoken.audience],
    services: [...subtoken.services],
    tags: [...subtoken.tags],
  };
  return create(MintDelegationTokenResponseSchema, { token, delegationSubtoken, serviceVersion });
}
