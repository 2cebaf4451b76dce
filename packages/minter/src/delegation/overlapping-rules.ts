import type { Groups } from "../access/groups.js";
import { entriesOf, groupOfEntry, identitySet, type IdentitySet } from "../access/identity-set.js";
import type { PolicyFindings } from "../policies/policy-findings.js";
import { type DelegationQuery, type DelegationRule, firstMisfit } from "./delegation-rules.js";

/** How many identities of a rule are tried: enough to find an overlap, and no more than a large group can bear. */
const MAX_CANDIDATES = 200;

/** Warns of two rules that one request fits: as exactly one must, no such request is ever granted. */
export function checkOverlaps(rules: readonly DelegationRule[], groups: Groups, findings: PolicyFindings): void {
  for (const [index, second] of rules.entries()) {
    for (const first of rules.slice(0, index)) {
      const query = findOverlap(first, second, groups);
      if (query) findings.warning(["rules", index], describe(first, second, query));
    }
  }
}

/** A request that fits both rules; undefined if none was found. What it returns does fit both. */
export function findOverlap(
  first: DelegationRule,
  second: DelegationRule,
  groups: Groups,
): DelegationQuery | undefined {
  const both = [first, second];
  const requestors = candidates([first.requestor, second.requestor], groups);
  for (const requestor of requestors) {
    const found = narrow({ requestor }, both, groups);
    if (found) return found;
  }
  return undefined;
}

/** Chooses one part after the other so that both rules still fit. */
function narrow(
  { requestor }: Pick<DelegationQuery, "requestor">,
  rules: readonly DelegationRule[],
  groups: Groups,
): DelegationQuery | undefined {
  const nobody = identitySet([]);
  let query: DelegationQuery = { requestor, delegator: "", audience: nobody, services: nobody };
  const choose = (choices: readonly DelegationQuery[], ...parts: readonly string[]) => {
    const fits = (choice: DelegationQuery) =>
      rules.every((rule) => !parts.includes(firstMisfit(rule, choice, groups) ?? ""));
    const found = choices.find(fits);
    if (found) query = found;
    return found !== undefined;
  };
  const delegators = [
    requestor,
    "project:example",
    ...candidates(
      rules.map((rule) => rule.allowedToImpersonate),
      groups,
    ),
  ];
  const audiences = [requestor, ...rules.flatMap((rule) => entriesOf(rule.allowedAudience))];
  const services = rules.flatMap((rule) => entriesOf(rule.targetService));
  const found =
    choose([query], "requestor") &&
    choose(
      delegators.map((delegator) => ({ ...query, delegator })),
      "requestor",
      "allowed_to_impersonate",
    ) &&
    choose(
      audiences.map((entry) => ({ ...query, audience: identitySet([entry]) })),
      "allowed_audience",
    ) &&
    choose(
      services.map((entry) => ({ ...query, services: identitySet([entry]) })),
      "target_service",
    );
  return found ? query : undefined;
}

function candidates(sets: readonly IdentitySet[], groups: Groups): string[] {
  const entries = sets.flatMap((set) => (set === "*" ? [] : entriesOf(set)));
  const identities = entries.flatMap((entry) => {
    const group = groupOfEntry(entry);
    return group === undefined ? [entry] : groups.examplesOf(group);
  });
  return [...new Set(identities)].slice(0, MAX_CANDIDATES);
}

function describe(first: DelegationRule, second: DelegationRule, query: DelegationQuery): string {
  const names = `${JSON.stringify(first.name)} and ${JSON.stringify(second.name)}`;
  const lists = `audience ${entriesOf(query.audience).join(", ")}, services ${entriesOf(query.services).join(", ")}`;
  return `the rules ${names} both match when ${query.requestor} asks for ${query.delegator}, ${lists}: neither is granted`;
}
