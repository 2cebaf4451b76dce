import { contextTag, type DerReader, readInteger, TAG } from "./der.js";
import { MalformedInput } from "./errors.js";

/** The policies under which a certificate was issued, and what a CA demands of those below it (RFC 5280 §4.2.1.4). */
export interface PolicyExtensions {
  /** certificatePolicies as object identifiers; undefined when absent. */
  readonly policies: readonly string[] | undefined;
  /** Whether a policy has a qualifier other than the two of RFC 5280. */
  readonly hasUnknownQualifier: boolean;
  /** policyMappings: pairs of the issuer's policy and the subject's. */
  readonly policyMappings: readonly (readonly [issuer: string, subject: string])[];
  /** policyConstraints: after how many more certificates a valid policy is demanded, and mappings are over. */
  readonly requireExplicitPolicy: number | undefined;
  readonly inhibitPolicyMapping: number | undefined;
  /** After how many more certificates anyPolicy counts no longer. */
  readonly inhibitAnyPolicy: number | undefined;
}

/** Qualifiers of RFC 5280 §4.2.1.4: a pointer to a practice statement, and a notice for people. */
const QUALIFIERS = ["1.3.6.1.5.5.7.2.1", "1.3.6.1.5.5.7.2.2"];

/** RFC 5280 §4.2.1.4. */
export function readPolicies(value: DerReader): Pick<PolicyExtensions, "policies" | "hasUnknownQualifier"> {
  const what = "certificate policies";
  const list = value.enter(TAG.sequence, what);
  if (list.done) value.deviate(`${what}: none`);
  const policies: string[] = [];
  let hasUnknownQualifier = false;
  while (!list.done) {
    const information = list.enter(TAG.sequence, what);
    policies.push(information.oid(what));
    const qualifiers = information.optional(TAG.sequence, what);
    information.end(what);
    if (qualifiers) hasUnknownQualifier = !areKnown(list.within(qualifiers), what) || hasUnknownQualifier;
  }
  if (new Set(policies).size < policies.length) throw new MalformedInput(`${what}: a policy is there twice`);
  return { policies, hasUnknownQualifier };
}

function areKnown(qualifiers: DerReader, what: string): boolean {
  let known = true;
  if (qualifiers.done) qualifiers.deviate(`${what}: no qualifiers`);
  while (!qualifiers.done) {
    const qualifier = qualifiers.enter(TAG.sequence, what);
    known = QUALIFIERS.includes(qualifier.oid(what)) && known;
    qualifier.any(what);
    qualifier.end(what);
  }
  return known;
}

/** RFC 5280 §4.2.1.5. */
export function readPolicyMappings(value: DerReader): Pick<PolicyExtensions, "policyMappings"> {
  const what = "policy mappings";
  const list = value.enter(TAG.sequence, what);
  if (list.done) value.deviate(`${what}: none`);
  const policyMappings: [string, string][] = [];
  while (!list.done) {
    const pair = list.enter(TAG.sequence, what);
    const policy = () => pair.oid(what);
    policyMappings.push([policy(), policy()]);
    pair.end(what);
  }
  return { policyMappings };
}

/** RFC 5280 §4.2.1.11. */
export function readPolicyConstraints(
  value: DerReader,
): Pick<PolicyExtensions, "requireExplicitPolicy" | "inhibitPolicyMapping"> {
  const what = "policy constraints";
  const constraints = value.enter(TAG.sequence, what);
  if (constraints.done) value.deviate(`${what}: none`);
  const [explicit, mapping] = [contextTag(0), contextTag(1)].map((tag) => constraints.optional(tag, what));
  constraints.end(what);
  return {
    requireExplicitPolicy: explicit && readCount(explicit.content, what),
    inhibitPolicyMapping: mapping && readCount(mapping.content, what),
  };
}

/** RFC 5280 §4.2.1.14. */
export function readInhibitAnyPolicy(value: DerReader): Pick<PolicyExtensions, "inhibitAnyPolicy"> {
  const what = "inhibit any policy";
  return { inhibitAnyPolicy: readCount(value.read(TAG.integer, what).content, what) };
}

function readCount(content: Uint8Array, what: string): number {
  const count = readInteger(content, what);
  if (count < 0n) throw new MalformedInput(`${what}: a negative number`);
  return Number(count);
}
