import { describe, expect, it } from "vitest";
import { describeWithVectors, readJsonVector } from "shared-vectors";
import { compilePolicy } from "../policies/compile-policy.js";
import { describeProblem, PolicyError } from "../policies/policy-problem.js";
import { policyOfFiles } from "../policies/policy-reader.js";

const fields = {
  name: '"r"',
  requestor: '"user:a@example.com"',
  allowed_to_impersonate: '"REQUESTOR"',
  allowed_audience: '"*"',
  target_service: '"*"',
  max_validity_duration: "3600",
};

/** A delegation.cfg of one rule, a field a line from line 2 on, with changes; undefined leaves a field out. */
function ruleWith(changes: Partial<Record<keyof typeof fields, string | undefined>>): string {
  const lines = Object.entries({ ...fields, ...changes }).filter(([, value]) => value !== undefined);
  return `rules {\n${lines.map(([name, value]) => `  ${name}: ${value}`).join("\n")}\n}\n`;
}

async function errorsOf(text: string): Promise<string[]> {
  const groups = 'groups { name: "g" }';
  try {
    await compilePolicy(policyOfFiles({ "delegation.cfg": text, "groups.cfg": groups }));
    return [];
  } catch (error) {
    if (error instanceof PolicyError) return error.problems.map(describeProblem);
    throw error;
  }
}

describe("delegation.cfg", () => {
  it("takes good rules", async () => {
    expect(await errorsOf("")).toEqual([]);
    expect(await errorsOf(ruleWith({}))).toEqual([]);
    expect(await errorsOf(ruleWith({ requestor: '["group:g", "bot:a.b"]', target_service: '"service:s"' }))).toEqual(
      [],
    );
    expect(await errorsOf(ruleWith({ allowed_to_impersonate: '["PROJECTS", "group:g"]' }))).toEqual([]);
  });

  it.each([
    ["a rule without a name", { name: undefined }, /^delegation\.cfg:1:1: name is required/],
    ["no requestor", { requestor: undefined }, /:1:1: requestor is required/],
    ["no target", { target_service: undefined }, /:1:1: target_service is required/],
    ["* as requestor", { requestor: '"*"' }, /:3:3: "\*" is not an identity/],
    ["REQUESTOR as requestor", { requestor: '"REQUESTOR"' }, /:3:3: "REQUESTOR" is not an identity/],
    ["* to impersonate", { allowed_to_impersonate: '"*"' }, /:4:3: "\*" is not an identity/],
    ["PROJECTS as audience", { allowed_audience: '"PROJECTS"' }, /:5:3: "PROJECTS" is not an identity/],
    ["REQUESTOR as service", { target_service: '"REQUESTOR"' }, /:6:3: "REQUESTOR" is not an identity/],
    ["a group as service", { target_service: '"group:g"' }, /:6:3: groups are not allowed here/],
    ["a user as service", { target_service: '"user:a@example.com"' }, /:6:3: .* is not a service/],
    ["an empty group", { requestor: '"group:"' }, /:3:3: write the name of a group/],
    ["a missing group", { requestor: '"group:h"' }, /:3:3: there is no group "h"/],
    ["an identity in upper case", { requestor: '"user:A@example.com"' }, /:3:3: .*not canonical/],
    ["no duration", { max_validity_duration: undefined }, /:1:1: max_validity_duration is required/],
    ["a negative duration", { max_validity_duration: "-1" }, /:7:3: .*must be positive/],
    ["a duration of more than a day", { max_validity_duration: "86401" }, /:7:3: .*smaller than 86401/],
  ])("refuses %s", async (_, changes, message) => {
    const errors = await errorsOf(ruleWith(changes));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(message);
  });

  it("refuses two rules of one name, and names every error", async () => {
    expect(await errorsOf(ruleWith({}) + ruleWith({}))).toEqual(['delegation.cfg:10:3: there are two rules "r"']);
    expect(await errorsOf(ruleWith({ requestor: '["a", "user:b", "group:"]' }))).toHaveLength(3);
  });
});

describeWithVectors("delegation.cfg as LUCI's validator", () => {
  interface Case {
    name: string;
    path: string;
    content: string;
    valid: boolean;
  }
  const { cases } = readJsonVector<{ cases: Case[] }>("config/cases.json");

  it.each(cases.filter(({ path }) => path === "delegation.cfg"))("$name", async ({ content, valid }) => {
    const compile = compilePolicy(policyOfFiles({ "delegation.cfg": content }));
    const taken = await compile.then(
      () => true,
      (error: unknown) => {
        if (!(error instanceof PolicyError)) throw error;
        return false;
      },
    );
    expect(taken).toBe(valid);
  });
});
