import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { DelegationPermissionsSchema, type DelegationRuleSchema, GroupsConfigSchema } from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { compileGroups } from "../access/groups.js";
import { compilePolicy } from "../policies/compile-policy.js";
import { describeProblem } from "../policies/policy-problem.js";
import { PolicyFindings } from "../policies/policy-findings.js";
import { policyOfFiles } from "../policies/policy-reader.js";
import { checkUnmatchable } from "./unmatchable-rules.js";

const alice = "user:alice@example.com";
const listed = [
  { name: "people", members: [alice] },
  { name: "bots", globs: ["bot:*.fleet.example.com"] },
  { name: "nested", nested: ["people"] },
  { name: "strangers", members: ["anonymous:anonymous"] },
  { name: "empty" },
  { name: "emptier", nested: ["empty"] },
];

function warningsFor(rule: MessageInitShape<typeof DelegationRuleSchema>, groupList = listed) {
  const groups = compileGroups(create(GroupsConfigSchema, { groups: groupList }), new PolicyFindings());
  const fields = { name: "r", requestor: [alice], allowedToImpersonate: ["REQUESTOR"], ...rule };
  const findings = new PolicyFindings();
  checkUnmatchable(create(DelegationPermissionsSchema, { rules: [fields] }), groups, findings);
  return findings.list.map(({ severity, path, message }) => `${severity} ${path.slice(2).join(".")} ${message}`);
}

describe("checkUnmatchable", () => {
  it.each([
    ["identities", {}],
    ["a group with members", { requestor: ["group:people"] }],
    ["a group with patterns", { requestor: ["group:bots"] }],
    ["a group that nests one with members", { requestor: ["group:nested"] }],
    ["an empty group beside somebody", { requestor: ["group:empty", alice] }],
    ["any project", { allowedToImpersonate: ["PROJECTS"] }],
    ["an empty group beside a word", { allowedToImpersonate: ["group:empty", "REQUESTOR"] }],
    ["an empty audience group, which a token may name", { allowedAudience: ["group:empty"] }],
  ])("says nothing about %s", (_, rule) => {
    expect(warningsFor(rule)).toEqual([]);
  });

  it.each([["group:empty"], ["group:emptier"], ["group:administrators"], ["group:strangers"], ["anonymous:anonymous"]])(
    "warns where nobody can ask: %s",
    (entry) => {
      const message = 'the rule "r" can never match: nobody who could ask is in requestor';
      expect(warningsFor({ requestor: [entry] })).toEqual([`warning requestor.0 ${message}`]);
    },
  );

  it("warns where there is nobody to act for", () => {
    expect(warningsFor({ allowedToImpersonate: ["group:empty", "group:emptier"] })).toEqual([
      'warning allowed_to_impersonate.0 the rule "r" can never match: nobody is in allowed_to_impersonate',
    ]);
  });

  it("knows of no empty group where groups.cfg lists none", () => {
    expect(warningsFor({ requestor: ["group:empty"] }, [])).toEqual([]);
  });

  it("is asked about each policy, and says where", async () => {
    const text = `rules {
  name: "r"
  requestor: "group:empty" allowed_to_impersonate: "REQUESTOR" allowed_audience: "*" target_service: "*"
  max_validity_duration: 60
}`;
    const files = { "delegation.cfg": text, "groups.cfg": 'groups { name: "empty" }' };
    const { warnings } = await compilePolicy(policyOfFiles(files));
    expect(warnings.map(describeProblem)).toEqual([
      'warning: delegation.cfg:3:3: the rule "r" can never match: nobody who could ask is in requestor',
    ]);
  });
});
