import type { DelegationPermissions, DelegationRule as RuleConfig } from "@tokens/api/config";
import { identityProblem } from "../access/canonical-identity.js";
import { checkGroupExists, type Groups } from "../access/groups.js";
import { groupOfEntry, identitySet } from "../access/identity-set.js";
import type { PolicyFindings, PolicyPath } from "../policies/policy-findings.js";
import { type DelegationRule, PROJECTS, REQUESTOR } from "./delegation-rules.js";

const MAX_VALIDITY_SECONDS = 86_400n;

/** LUCI's services act for projects without a rule of their own. */
const PROJECT_IDENTITIES: DelegationRule = {
  name: "allow-project-identities",
  requestor: identitySet(["group:auth-luci-services"]),
  allowedToImpersonate: identitySet([]),
  allowedAudience: identitySet([]),
  targetService: "*",
  words: { impersonate: new Set([PROJECTS]), audience: new Set([REQUESTOR]) },
  maxValiditySeconds: MAX_VALIDITY_SECONDS,
};

/** The lists of a rule: their names, and the words in them that are neither identities nor groups. */
const LISTS = [
  ["requestor", "requestor", []],
  ["allowed_to_impersonate", "allowedToImpersonate", [REQUESTOR, PROJECTS]],
  ["allowed_audience", "allowedAudience", [REQUESTOR, "*"]],
  ["target_service", "targetService", ["*"]],
] as const;

/** Makes the rules of a delegation.cfg, the implicit one behind them, and reports everything that is wrong with them. */
export function compileDelegationRules(
  { rules }: DelegationPermissions,
  groups: Groups,
  findings: PolicyFindings,
): readonly DelegationRule[] {
  const names = new Set<string>();
  for (const [index, rule] of rules.entries()) {
    const path = ["rules", index];
    if (rule.name === "") findings.error(path, "name is required");
    else if (names.has(rule.name))
      findings.error([...path, "name"], `there are two rules ${JSON.stringify(rule.name)}`);
    names.add(rule.name);
    for (const [field, property, words] of LISTS) checkList(rule[property], [...path, field], words, groups, findings);
    checkDuration(rule.maxValidityDuration, path, findings);
  }
  return [...rules.map(compileRule), PROJECT_IDENTITIES];
}

function checkList(
  entries: readonly string[],
  path: PolicyPath,
  words: readonly string[],
  groups: Groups,
  findings: PolicyFindings,
): void {
  const field = String(path.at(-1));
  if (entries.length === 0) findings.error(path.slice(0, -1), `${field} is required`);
  for (const [index, entry] of entries.entries()) {
    if (words.includes(entry)) continue;
    const place = [...path, index];
    const group = groupOfEntry(entry);
    if (field === "target_service") checkService(entry, group, place, findings);
    else if (group !== undefined) checkGroupExists(group, place, groups, findings);
    else reportProblem(identityProblem(entry), place, findings);
  }
}

function checkService(entry: string, group: string | undefined, path: PolicyPath, findings: PolicyFindings): void {
  if (group !== undefined) findings.error(path, "groups are not allowed here; write service:<id>");
  else if (identityProblem(entry) !== undefined) reportProblem(identityProblem(entry), path, findings);
  else if (!entry.startsWith("service:")) {
    findings.error(path, `${JSON.stringify(entry)} is not a service; write service:<id>`);
  }
}

function reportProblem(problem: string | undefined, path: PolicyPath, findings: PolicyFindings): void {
  if (problem !== undefined) findings.error(path, problem);
}

function checkDuration(seconds: bigint, path: PolicyPath, findings: PolicyFindings): void {
  const field = "max_validity_duration";
  if (seconds === 0n) findings.error(path, `${field} is required`);
  else if (seconds < 0n) findings.error([...path, field], `${field} must be positive`);
  else if (seconds > MAX_VALIDITY_SECONDS) {
    findings.error([...path, field], `${field} must be smaller than ${MAX_VALIDITY_SECONDS + 1n}`);
  }
}

function compileRule(rule: RuleConfig): DelegationRule {
  const without = (entries: readonly string[], ...words: string[]) =>
    identitySet(entries.filter((entry) => !words.includes(entry)));
  return {
    name: rule.name,
    requestor: without(rule.requestor, "*"),
    allowedToImpersonate: without(rule.allowedToImpersonate, REQUESTOR, PROJECTS, "*"),
    allowedAudience: without(rule.allowedAudience, REQUESTOR),
    targetService: identitySet(rule.targetService),
    words: {
      impersonate: new Set(rule.allowedToImpersonate.filter((entry) => entry === REQUESTOR || entry === PROJECTS)),
      audience: new Set(rule.allowedAudience.filter((entry) => entry === REQUESTOR)),
    },
    maxValiditySeconds: rule.maxValidityDuration,
  };
}
