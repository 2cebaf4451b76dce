import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { DelegationPermissionsSchema, type DelegationRuleSchema, GroupsConfigSchema } from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { describeWithVectors, readVector } from "shared-vectors";
import { compileGroups } from "../access/groups.js";
import { compilePolicy } from "../policies/compile-policy.js";
import { describeProblem } from "../policies/policy-problem.js";
import { policyOfFiles } from "../policies/policy-reader.js";
import { PolicyFindings } from "../policies/policy-findings.js";
import { compileDelegationRules } from "./compile-delegation-rules.js";
import { firstMisfit } from "./delegation-rules.js";
import { findOverlap } from "./overlapping-rules.js";

type RuleInit = MessageInitShape<typeof DelegationRuleSchema>;

const groups = compileGroups(
  create(GroupsConfigSchema, {
    groups: [
      { name: "g", members: ["user:a@x"], nested: ["h"] },
      { name: "h", globs: ["bot:*.fleet.x"] },
    ],
  }),
  new PolicyFindings(),
);

const base = {
  name: "r",
  requestor: ["user:a@x"],
  allowedToImpersonate: ["user:b@x"],
  allowedAudience: ["user:a@x"],
  targetService: ["service:s"],
  maxValidityDuration: 60n,
};

function overlapOf(first: RuleInit, second: RuleInit) {
  const config = create(DelegationPermissionsSchema, {
    rules: [
      { ...base, ...first },
      { ...base, ...second },
    ],
  });
  const [a, b] = compileDelegationRules(config, groups, new PolicyFindings());
  if (!a || !b) throw new Error("no rules");
  const query = findOverlap(a, b, groups);
  if (query) for (const rule of [a, b]) expect(firstMisfit(rule, query, groups)).toBeUndefined();
  return query;
}

describe("findOverlap", () => {
  it.each<[string, RuleInit, RuleInit]>([
    ["the same rule", {}, {}],
    ["a group and its member", {}, { requestor: ["group:g"] }],
    ["a nested pattern", { requestor: ["group:h"] }, { requestor: ["group:g"] }],
    ["REQUESTOR and the requestor", { allowedToImpersonate: ["user:a@x"] }, { allowedToImpersonate: ["REQUESTOR"] }],
    ["PROJECTS and a project", { allowedToImpersonate: ["PROJECTS"] }, { allowedToImpersonate: ["project:p"] }],
    ["any audience", {}, { allowedAudience: ["*"] }],
    ["any service", {}, { targetService: ["*"] }],
    ["REQUESTOR as audience", {}, { allowedAudience: ["REQUESTOR"] }],
  ])("finds a request for %s", (_, first, second) => {
    expect(overlapOf(first, second)).toBeDefined();
    expect(overlapOf(second, first)).toBeDefined();
  });

  it.each<[string, RuleInit, RuleInit]>([
    ["other requestors", {}, { requestor: ["user:c@x"] }],
    ["others to impersonate", {}, { allowedToImpersonate: ["user:c@x"] }],
    ["a group as audience, and its member", { allowedAudience: ["group:g"] }, { allowedAudience: ["user:a@x"] }],
    ["other services", {}, { targetService: ["service:t"] }],
    ["projects and users", { allowedToImpersonate: ["PROJECTS"] }, {}],
  ])("finds none for %s", (_, first, second) => {
    expect(overlapOf(first, second)).toBeUndefined();
  });
});

describeWithVectors("overlapping rules of the golden vectors", () => {
  it("are a warning that prints a request which hits both", async () => {
    const text = readVector("delegation/delegation.cfg").toString("utf8");
    const { warnings } = await compilePolicy(policyOfFiles({ "delegation.cfg": text }));
    const overlaps = warnings.map(describeProblem).filter((line) => line.includes("both match"));
    expect(overlaps).toEqual([
      'warning: delegation.cfg:39:1: the rules "overlap-1" and "overlap-2" both match when user:overlap@example.com ' +
        "asks for user:frank@example.com, audience user:overlap@example.com, services service:files: neither is granted",
    ]);
  });
});
