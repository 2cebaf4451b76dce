import { create } from "@bufbuild/protobuf";
import { MintDelegationTokenRequestSchema } from "@tokens/api";
import type { DelegationCase, DelegationPermissions } from "@tokens/api/config";
import { ANONYMOUS, identityProblem } from "../access/canonical-identity.js";
import { checkGroupExists, type Groups } from "../access/groups.js";
import { groupOfEntry } from "../access/identity-set.js";
import { checkExpectation, checkRule } from "../access/policy-cases.js";
import { Refusal } from "../errors.js";
import type { PolicyFindings, PolicyPath } from "../policies/policy-findings.js";
import { type CheckedDelegationRequest, checkNamedDelegationRequest } from "./delegation-request.js";
import { decideDelegation, type DelegationDecision, type DelegationRule, REQUESTOR } from "./delegation-rules.js";

/** Runs the tests in delegation.cfg: each is read and decided as MintDelegationToken would. */
export function checkDelegationCases(
  { cases }: DelegationPermissions,
  rules: readonly DelegationRule[],
  groups: Groups,
  findings: PolicyFindings,
): void {
  for (const [index, delegationCase] of cases.entries()) {
    const path = ["cases", index];
    checkNames(delegationCase, path, groups, findings);
    if (identityProblem(delegationCase.requestor) !== undefined) continue;
    const checked = readCase(delegationCase, path, findings);
    if (!checked) continue;
    const decision = decide(checked, rules, groups);
    const { requestor, delegator } = checked.query;
    const what = `${requestor} ${outcome(decision)} to act for ${delegator}${reasonOf(decision)}`;
    checkExpectation(delegationCase.expect, decision.rule !== undefined, what, path, findings);
    checkRule(delegationCase.rule, decision.rule?.name, path, findings);
  }
}

/** A name that nobody can have makes a case that is denied whatever the rules say. */
function checkNames(
  { requestor, delegatedIdentity, audience }: DelegationCase,
  path: PolicyPath,
  groups: Groups,
  findings: PolicyFindings,
): void {
  reportProblem(identityProblem(requestor), [...path, "requestor"], findings);
  if (delegatedIdentity !== REQUESTOR) {
    reportProblem(identityProblem(delegatedIdentity), [...path, "delegated_identity"], findings);
  }
  for (const [index, entry] of audience.entries()) {
    const place = [...path, "audience", index];
    const group = groupOfEntry(entry);
    if (group !== undefined) checkGroupExists(group, place, groups, findings);
    else if (entry !== REQUESTOR && entry !== "*") reportProblem(identityProblem(entry), place, findings);
  }
}

/** A case that the server could not even read tests no rule; undefined, and reported, if it is one. */
function readCase(
  { requestor, delegatedIdentity, audience, services, validityDuration }: DelegationCase,
  path: PolicyPath,
  findings: PolicyFindings,
): CheckedDelegationRequest | undefined {
  const fields = { delegatedIdentity, audience, services, validityDuration };
  try {
    return checkNamedDelegationRequest(create(MintDelegationTokenRequestSchema, fields), requestor);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    findings.error(path, `the case asks for what no rule is asked about: ${error.message}`);
    return undefined;
  }
}

function decide(
  { query, validitySeconds }: CheckedDelegationRequest,
  rules: readonly DelegationRule[],
  groups: Groups,
): DelegationDecision {
  // Nobody is let in by a rule that names strangers.
  if (query.requestor === ANONYMOUS) return { rule: undefined, reason: "authentication required" };
  return decideDelegation(rules, query, validitySeconds, groups);
}

const outcome = ({ rule }: DelegationDecision) => (rule ? "gets a token" : "gets no token");

function reasonOf(decision: DelegationDecision): string {
  return decision.rule ? ` by ${JSON.stringify(decision.rule.name)}` : `: ${decision.reason}`;
}

function reportProblem(problem: string | undefined, path: PolicyPath, findings: PolicyFindings): void {
  if (problem !== undefined) findings.error(path, problem);
}
