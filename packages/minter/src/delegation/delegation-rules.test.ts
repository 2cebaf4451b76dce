import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { DelegationPermissionsSchema, type DelegationRuleSchema, GroupsConfigSchema } from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { compileGroups } from "../access/groups.js";
import { identitySet } from "../access/identity-set.js";
import { PolicyFindings } from "../policies/policy-findings.js";
import { compileDelegationRules } from "./compile-delegation-rules.js";
import { firstMisfit, matchingRules, mayAsk } from "./delegation-rules.js";

type RuleInit = MessageInitShape<typeof DelegationRuleSchema>;

const members: Record<string, string[]> = { g1: ["user:a@x"], g2: ["user:a@x", "user:b@x"], g3: [] };
const groups = compileGroups(
  create(GroupsConfigSchema, {
    groups: [
      ...Object.entries(members).map(([name, list]) => ({ name, members: list })),
      { name: "auth-luci-services", members: ["user:service@x"] },
    ],
  }),
  new PolicyFindings(),
);

const rulesOf = (...rules: RuleInit[]) =>
  compileDelegationRules(create(DelegationPermissionsSchema, { rules }), groups, new PolicyFindings());

const rule = {
  name: "r",
  requestor: ["user:a@x"],
  allowedToImpersonate: ["user:b@x"],
  allowedAudience: ["user:a@x"],
  targetService: ["service:s"],
  maxValidityDuration: 60n,
};
const query = {
  requestor: "user:a@x",
  delegator: "user:b@x",
  audience: identitySet(["user:a@x"]),
  services: identitySet(["service:s"]),
};

describe("a rule", () => {
  const misfit = (changes: RuleInit, asked = {}) => {
    const [first] = rulesOf({ ...rule, ...changes });
    return first && firstMisfit(first, { ...query, ...asked }, groups);
  };

  it.each<[string | undefined, RuleInit, object]>([
    [undefined, {}, {}],
    ["requestor", { requestor: ["user:c@x"] }, {}],
    [undefined, { requestor: ["group:g1"] }, {}],
    ["allowed_to_impersonate", { allowedToImpersonate: ["user:c@x"] }, {}],
    [undefined, { allowedToImpersonate: ["group:g2"] }, {}],
    ["allowed_to_impersonate", { allowedToImpersonate: ["REQUESTOR"] }, {}],
    [undefined, { allowedToImpersonate: ["REQUESTOR"] }, { delegator: "user:a@x" }],
    ["allowed_to_impersonate", { allowedToImpersonate: ["PROJECTS"] }, {}],
    [undefined, { allowedToImpersonate: ["PROJECTS"] }, { delegator: "project:p" }],
    ["allowed_audience", { allowedAudience: ["group:g1"] }, {}],
    [undefined, { allowedAudience: ["REQUESTOR"] }, {}],
    [undefined, { allowedAudience: ["*"] }, {}],
    [undefined, { allowedAudience: ["*", "REQUESTOR"] }, { audience: identitySet(["*"]) }],
    ["allowed_audience", {}, { audience: identitySet(["*"]) }],
    ["target_service", {}, { services: identitySet(["*"]) }],
    ["target_service", {}, { services: identitySet(["service:s", "service:t"]) }],
    [undefined, { targetService: ["*"] }, { services: identitySet(["service:t"]) }],
  ])("fails first at %s: %j, %j", (part, changes, asked) => {
    expect(misfit(changes, asked)).toBe(part);
  });
});

describe("the implicit rule", () => {
  it("lets LUCI's services act for projects, for themselves alone", () => {
    const asked = { ...query, requestor: "user:service@x", audience: identitySet(["user:service@x"]) };
    const names = (changes: object) =>
      matchingRules(rulesOf(), { ...asked, ...changes }, groups).map(({ name }) => name);
    expect(names({ delegator: "project:p" })).toEqual(["allow-project-identities"]);
    expect(names({ delegator: "user:b@x" })).toEqual([]);
    expect(names({ delegator: "project:p", audience: identitySet(["*"]) })).toEqual([]);
    expect(names({ delegator: "project:p", requestor: "user:a@x" })).toEqual([]);
  });
});

/** What each list of a rule says, and what is asked, as texts: the slow model knows no sets and shares no code. */
interface SlowRule {
  requestor: string[];
  impersonate: string[];
  audience: string[];
  services: string[];
}

function slowMember(identity: string, entries: string[]): boolean {
  for (const entry of entries) {
    if (entry === identity) return true;
    if (entry.startsWith("group:") && (members[entry.slice(6)] ?? []).includes(identity)) return true;
  }
  return false;
}

function slowSubset(asked: string[], allowed: string[]): boolean {
  if (allowed.includes("*")) return true;
  if (asked.includes("*")) return false;
  return asked.every((entry) => allowed.includes(entry));
}

function slowMatch(
  slow: SlowRule,
  requestor: string,
  delegator: string,
  audience: string[],
  services: string[],
): boolean {
  if (!slowMember(requestor, slow.requestor)) return false;
  const self = slow.impersonate.includes("REQUESTOR") && requestor === delegator;
  const project = slow.impersonate.includes("PROJECTS") && delegator.startsWith("project:");
  if (!self && !project && !slowMember(delegator, slow.impersonate)) return false;
  const allowed = slow.audience.flatMap((entry) => (entry === "REQUESTOR" ? [requestor] : [entry]));
  return slowSubset(audience, allowed) && slowSubset(services, slow.services);
}

describe("matching", () => {
  it("agrees with the slow model on every small combination", () => {
    const lists = {
      requestor: [["user:a@x"], ["group:g1"], ["group:g2", "user:c@x"], ["group:g3"]],
      impersonate: [["user:b@x"], ["REQUESTOR"], ["group:g2"], ["PROJECTS", "user:c@x"]],
      audience: [["user:a@x"], ["REQUESTOR", "group:g1"], ["*"], ["group:g2", "user:b@x"]],
      services: [["service:s"], ["*"], ["service:s", "service:t"]],
    };
    const asked = {
      requestor: ["user:a@x", "user:b@x", "user:c@x"],
      delegator: ["user:a@x", "user:b@x", "user:c@x", "project:p"],
      audience: [["user:a@x"], ["group:g1"], ["*"], ["user:b@x", "group:g2"]],
      services: [["service:s"], ["*"], ["service:s", "service:t"]],
    };
    let differences = 0;
    let matches = 0;
    for (const requestor of lists.requestor)
      for (const impersonate of lists.impersonate)
        for (const audience of lists.audience)
          for (const services of lists.services) {
            const slow = { requestor, impersonate, audience, services };
            const [real] = rulesOf({
              name: "r",
              requestor,
              allowedToImpersonate: impersonate,
              allowedAudience: audience,
              targetService: services,
              maxValidityDuration: 1n,
            });
            if (!real) throw new Error("no rule");
            for (const who of asked.requestor)
              for (const whom of asked.delegator)
                for (const forWhom of asked.audience)
                  for (const where of asked.services) {
                    const expected = slowMatch(slow, who, whom, forWhom, where);
                    const sets = { audience: identitySet(forWhom), services: identitySet(where) };
                    const fits = firstMisfit(real, { requestor: who, delegator: whom, ...sets }, groups) === undefined;
                    if (fits !== expected) differences++;
                    if (fits) matches++;
                  }
          }
    expect(differences).toBe(0);
    expect(matches).toBeGreaterThan(500);
  });

  it("lists all rules that fit, in order", () => {
    const rules = rulesOf(rule, { ...rule, name: "other", requestor: ["user:c@x"] }, { ...rule, name: "third" });
    expect(matchingRules(rules, query, groups).map(({ name }) => name)).toEqual(["r", "third"]);
    expect(mayAsk("user:a@x", rules, groups)).toBe(true);
    expect(mayAsk("user:d@x", rules, groups)).toBe(false);
  });
});
