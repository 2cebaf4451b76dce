import type { Groups } from "../access/groups.js";
import { type IdentitySet, isInSet, isSubset } from "../access/identity-set.js";

/** In lists: whoever asks for the token. */
export const REQUESTOR = "REQUESTOR";

/** In lists of whom to act for: any project. */
export const PROJECTS = "PROJECTS";

/** Who may get which delegation tokens. */
export interface DelegationRule {
  readonly name: string;
  readonly requestor: IdentitySet;
  readonly allowedToImpersonate: IdentitySet;
  readonly allowedAudience: IdentitySet;
  readonly targetService: IdentitySet;
  /** The reserved words of the lists. */
  readonly words: { readonly impersonate: ReadonlySet<string>; readonly audience: ReadonlySet<string> };
  readonly maxValiditySeconds: bigint;
}

/** What somebody asks for, the reserved words in it replaced. */
export interface DelegationQuery {
  readonly requestor: string;
  readonly delegator: string;
  readonly audience: IdentitySet;
  readonly services: IdentitySet;
}

/** The parts of a rule, in the order in which they are looked at. */
export type RulePart = "requestor" | "allowed_to_impersonate" | "allowed_audience" | "target_service";

/** The first part of a rule that a query does not fit; undefined if it fits all of them. */
export function firstMisfit(rule: DelegationRule, query: DelegationQuery, groups: Groups): RulePart | undefined {
  if (!isInSet(query.requestor, rule.requestor, groups)) return "requestor";
  if (!mayImpersonate(rule, query, groups)) return "allowed_to_impersonate";
  if (!isSubset(query.audience, audienceFor(rule, query.requestor))) return "allowed_audience";
  if (!isSubset(query.services, rule.targetService)) return "target_service";
  return undefined;
}

function mayImpersonate(rule: DelegationRule, { requestor, delegator }: DelegationQuery, groups: Groups): boolean {
  const { impersonate } = rule.words;
  if (isInSet(delegator, rule.allowedToImpersonate, groups)) return true;
  if (impersonate.has(REQUESTOR) && delegator === requestor) return true;
  return impersonate.has(PROJECTS) && delegator.startsWith("project:");
}

/** Groups are not expanded: a token for a group is for whoever is in it later, and one for a member is not. */
function audienceFor({ allowedAudience, words }: DelegationRule, requestor: string): IdentitySet {
  if (allowedAudience === "*" || !words.audience.has(REQUESTOR)) return allowedAudience;
  return { ...allowedAudience, identities: new Set([...allowedAudience.identities, requestor]) };
}

/** Whether somebody is in the requestors of any rule, and may ask at all. */
export function mayAsk(requestor: string, rules: readonly DelegationRule[], groups: Groups): boolean {
  return rules.some((rule) => isInSet(requestor, rule.requestor, groups));
}

/** The rules that a query fits, in the order of the file. Exactly one must. */
export function matchingRules(
  rules: readonly DelegationRule[],
  query: DelegationQuery,
  groups: Groups,
): readonly DelegationRule[] {
  return rules.filter((rule) => firstMisfit(rule, query, groups) === undefined);
}

/** What the rules say to a request: the one rule that grants it, or why none does. */
export type DelegationDecision =
  { readonly rule: DelegationRule } | { readonly rule: undefined; readonly reason: string };

/** Decides about a request: exactly one rule must match, and must allow the life. */
export function decideDelegation(
  rules: readonly DelegationRule[],
  query: DelegationQuery,
  validitySeconds: bigint,
  groups: Groups,
): DelegationDecision {
  const [rule, ...more] = matchingRules(rules, query, groups);
  if (!rule) return { rule: undefined, reason: "no matching delegation rules in the config" };
  if (more.length > 0) {
    const names = [rule, ...more].map(({ name }) => JSON.stringify(name)).join(", ");
    return { rule: undefined, reason: `ambiguous request, multiple delegation rules match (${names})` };
  }
  if (validitySeconds > rule.maxValiditySeconds) {
    const allowed = `exceeds the maximum allowed one (${rule.maxValiditySeconds} sec)`;
    return { rule: undefined, reason: `the requested validity duration (${validitySeconds} sec) ${allowed}` };
  }
  return { rule };
}
