import type { Certificate } from "./certificate.js";
import { namesMatch } from "./distinguished-name.js";

const ANY_POLICY = "2.5.29.32.0";

/** A policy that is valid for the path so far, and the policies that stand for it in the next certificate. */
type ValidPolicies = Map<string, Set<string>>;

/** The state variables of RFC 5280 §6.1.2; counters count certificates down to 0. */
interface State {
  /** undefined once no policy is valid. */
  policies: ValidPolicies | undefined;
  explicitPolicy: number;
  policyMapping: number;
  anyPolicy: number;
}

/**
 * Whether the path keeps the certificate policies that its CAs demand (RFC 5280 §6.1), where the user demands none. The
 * certificates stand from the one below the anchor to the last. Of the tree of policies only the newest level is kept, each
 * policy once, as RFC 9618 does: what a path may cost does not grow beyond the size of its certificates.
 */
export function keepsPolicies(certificates: readonly Certificate[]): boolean {
  if (!certificates.some(speaksOfPolicies)) return true;
  const beyond = certificates.length + 1;
  const state: State = {
    policies: new Map([[ANY_POLICY, new Set([ANY_POLICY])]]),
    explicitPolicy: beyond,
    policyMapping: beyond,
    anyPolicy: beyond,
  };
  for (const [index, certificate] of certificates.entries()) {
    const isLast = index === certificates.length - 1;
    const isSelfIssued = namesMatch(certificate.issuer, certificate.subject);
    const anyCounts = state.anyPolicy > 0 || (!isLast && isSelfIssued);
    state.policies = state.policies && nextPolicies(state.policies, certificate, anyCounts);
    if (state.explicitPolicy === 0 && !state.policies) return false;
    if (isLast) return wrapUp(state, certificate);
    if (certificate.policyMappings.flat().includes(ANY_POLICY)) return false;
    applyMappings(state, certificate);
    if (!isSelfIssued) countDown(state);
    applyConstraints(state, certificate);
  }
  return true;
}

/** Where no certificate demands a policy or maps one, none can be missing. */
function speaksOfPolicies({ requireExplicitPolicy, policyMappings }: Certificate): boolean {
  return requireExplicitPolicy !== undefined || policyMappings.length > 0;
}

/** §6.1.3 (d) and (e): which policies of the certificate are valid. */
function nextPolicies(
  before: ValidPolicies,
  { policies = [] }: Certificate,
  anyCounts: boolean,
): ValidPolicies | undefined {
  const expected = new Set([...before.values()].flatMap((set) => [...set]));
  const next: ValidPolicies = new Map();
  for (const policy of policies) {
    const isValid = policy !== ANY_POLICY && (expected.has(policy) || before.has(ANY_POLICY));
    if (isValid) next.set(policy, new Set([policy]));
  }
  if (anyCounts && policies.includes(ANY_POLICY)) {
    for (const policy of expected) if (!next.has(policy)) next.set(policy, new Set([policy]));
  }
  return next.size > 0 ? next : undefined;
}

/** §6.1.4 (b). */
function applyMappings(state: State, { policyMappings }: Certificate): void {
  const valid = state.policies;
  if (!valid) return;
  const subjects = new Map<string, Set<string>>();
  for (const [issuer, subject] of policyMappings) {
    subjects.set(issuer, (subjects.get(issuer) ?? new Set()).add(subject));
  }
  for (const [issuer, mapped] of subjects) {
    if (state.policyMapping === 0) valid.delete(issuer);
    else if (valid.has(issuer) || valid.has(ANY_POLICY)) valid.set(issuer, mapped);
  }
  if (valid.size === 0) state.policies = undefined;
}

/** §6.1.4 (h). */
function countDown(state: State): void {
  state.explicitPolicy = Math.max(0, state.explicitPolicy - 1);
  state.policyMapping = Math.max(0, state.policyMapping - 1);
  state.anyPolicy = Math.max(0, state.anyPolicy - 1);
}

/** §6.1.4 (i) and (j). */
function applyConstraints(state: State, certificate: Certificate): void {
  const { requireExplicitPolicy, inhibitPolicyMapping, inhibitAnyPolicy } = certificate;
  state.explicitPolicy = Math.min(state.explicitPolicy, requireExplicitPolicy ?? Infinity);
  state.policyMapping = Math.min(state.policyMapping, inhibitPolicyMapping ?? Infinity);
  state.anyPolicy = Math.min(state.anyPolicy, inhibitAnyPolicy ?? Infinity);
}

/** §6.1.5 (a), (b) and (g). */
function wrapUp({ explicitPolicy, policies }: State, { requireExplicitPolicy }: Certificate): boolean {
  const left = requireExplicitPolicy === 0 ? 0 : explicitPolicy - 1;
  return left > 0 || policies !== undefined;
}
