import type { DelegationPermissions } from "@tokens/api/config";
import { ANONYMOUS } from "../access/canonical-identity.js";
import type { Groups } from "../access/groups.js";
import { groupOfEntry } from "../access/identity-set.js";
import type { PolicyFindings } from "../policies/policy-findings.js";

/** Warns of rules that no request can fit: nobody may ask by them, or there is nobody to act for. */
export function checkUnmatchable({ rules }: DelegationPermissions, groups: Groups, findings: PolicyFindings): void {
  for (const [index, { name, requestor, allowedToImpersonate }] of rules.entries()) {
    const never = `the rule ${JSON.stringify(name)} can never match`;
    // Strangers are refused before any rule is asked.
    if (peopleIn(requestor, groups).every((identity) => identity === ANONYMOUS)) {
      findings.warning(["rules", index, "requestor", 0], `${never}: nobody who could ask is in requestor`);
    }
    if (peopleIn(allowedToImpersonate, groups).length === 0) {
      const message = `${never}: nobody is in allowed_to_impersonate`;
      findings.warning(["rules", index, "allowed_to_impersonate", 0], message);
    }
  }
}

/** Entries with their groups replaced by examples of members. Where no groups are listed, any may have members. */
function peopleIn(entries: readonly string[], groups: Groups): readonly string[] {
  return entries.flatMap((entry) => {
    const group = groupOfEntry(entry);
    return group === undefined || !groups.areListed ? [entry] : groups.examplesOf(group);
  });
}
