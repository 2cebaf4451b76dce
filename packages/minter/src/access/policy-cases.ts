import { Expectation, type GroupsConfig, type RealmsConfig } from "@tokens/api/config";
import type { PolicyFindings, PolicyPath } from "../policies/policy-findings.js";
import { identityProblem } from "./canonical-identity.js";
import type { Groups } from "./groups.js";
import { parseRealmName } from "./realm-name.js";
import type { Realms } from "./realms.js";

/** Runs the tests in groups.cfg. */
export function checkGroupCases({ cases }: GroupsConfig, groups: Groups, findings: PolicyFindings): void {
  for (const [index, { identity, group, expect }] of cases.entries()) {
    const path = ["cases", index];
    reportProblem(identityProblem(identity), [...path, "identity"], findings);
    if (!groups.isDefined(group)) findings.error([...path, "group"], `there is no group ${JSON.stringify(group)}`);
    const isMember = groups.has(group, identity);
    const what = `${identity} is ${isMember ? "" : "not "}in group ${JSON.stringify(group)}`;
    checkExpectation(expect, isMember, what, path, findings);
  }
}

/** Runs the tests in realms.cfg. */
export function checkRealmCases({ cases }: RealmsConfig, realms: Realms, findings: PolicyFindings): void {
  for (const [index, { identity, permission, realm, expect, rule }] of cases.entries()) {
    const path = ["cases", index];
    reportProblem(identityProblem(identity), [...path, "identity"], findings);
    if (!parseRealmName(realm)) findings.error([...path, "realm"], `${JSON.stringify(realm)} is not a realm`);
    const by = realms.grantedBy(identity, permission, realm);
    const by_ = by === undefined ? "" : ` by ${JSON.stringify(by)}`;
    const what = `${identity} has ${by === undefined ? "no " : ""}${permission} in ${JSON.stringify(realm)}${by_}`;
    checkExpectation(expect, by !== undefined, what, path, findings);
    checkRule(rule, by, path, findings);
  }
}

/** Reports a test that does not come out as its author expects. */
export function checkExpectation(
  expect: Expectation,
  isAllowed: boolean,
  what: string,
  path: PolicyPath,
  findings: PolicyFindings,
): void {
  if (expect !== Expectation.ALLOW && expect !== Expectation.DENY) {
    findings.error(path, "the case does not say what it expects; write expect: ALLOW or expect: DENY");
  } else if ((expect === Expectation.ALLOW) !== isAllowed) {
    findings.error(path, `the case fails: expected ${Expectation[expect]}, but ${what}`);
  }
}

/** Reports a test that is allowed by another rule than its author expects. */
export function checkRule(
  expected: string,
  actual: string | undefined,
  path: PolicyPath,
  findings: PolicyFindings,
): void {
  if (expected === "" || actual === undefined || expected === actual) return;
  const message = `the case fails: expected rule ${JSON.stringify(expected)}, but ${JSON.stringify(actual)} decides`;
  findings.error([...path, "rule"], message);
}

function reportProblem(problem: string | undefined, path: PolicyPath, findings: PolicyFindings): void {
  if (problem !== undefined) findings.error(path, problem);
}
