import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type DelegationCaseSchema,
  DelegationPermissionsSchema,
  Expectation,
  GroupsConfigSchema,
} from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { compileGroups } from "../access/groups.js";
import { compilePolicy } from "../policies/compile-policy.js";
import { PolicyFindings } from "../policies/policy-findings.js";
import { policyOfFiles } from "../policies/policy-reader.js";
import { checkDelegationCases } from "./delegation-cases.js";
import { compileDelegationRules } from "./compile-delegation-rules.js";

const { ALLOW, DENY } = Expectation;
const alice = "user:alice@example.com";
const bob = "user:bob@example.com";
const rule = {
  name: "self",
  requestor: ["group:people", "anonymous:anonymous"],
  allowedToImpersonate: ["REQUESTOR"],
  allowedAudience: ["group:people", "REQUESTOR"],
  targetService: ["service:files"],
  maxValidityDuration: 600n,
};
const twin = { ...rule, requestor: [bob] };
const ask = {
  requestor: alice,
  delegatedIdentity: "REQUESTOR",
  audience: ["REQUESTOR"],
  services: ["service:files"],
  validityDuration: 600n,
};

function runCase(delegationCase: MessageInitShape<typeof DelegationCaseSchema>) {
  const groupList = [{ name: "people", members: [alice, bob] }];
  const groups = compileGroups(create(GroupsConfigSchema, { groups: groupList }), new PolicyFindings());
  const config = create(DelegationPermissionsSchema, {
    rules: [rule, { ...twin, name: "bobs" }],
    cases: [delegationCase],
  });
  const findings = new PolicyFindings();
  checkDelegationCases(config, compileDelegationRules(config, groups, new PolicyFindings()), groups, findings);
  return findings.list.map(({ path, message }) => [path.slice(2).join("."), message]);
}

describe("cases in delegation.cfg", () => {
  it.each([
    ["a rule grants it", { expect: ALLOW }],
    ["the named rule grants it", { expect: ALLOW, rule: "self" }],
    ["a group is the audience", { audience: ["group:people"], expect: ALLOW }],
    ["nobody may act for another", { delegatedIdentity: bob, expect: DENY }],
    ["no rule knows the requestor", { requestor: "bot:a.example.com", expect: DENY }],
    ["no rule allows the audience", { audience: ["*"], expect: DENY }],
    ["no rule allows the service", { services: ["service:other"], expect: DENY }],
    ["it would live too long", { validityDuration: 601n, expect: DENY }],
    ["it would live for the hour that is the default", { validityDuration: 0n, expect: DENY }],
    ["two rules match", { requestor: bob, expect: DENY }],
    ["strangers ask, even where a rule names them", { requestor: "anonymous:anonymous", expect: DENY }],
  ])("pass when it comes out as expected: %s", (_, changes) => {
    expect(runCase({ ...ask, ...changes })).toEqual([]);
    const opposite = changes.expect === ALLOW ? DENY : ALLOW;
    expect(runCase({ ...ask, ...changes, expect: opposite })).toEqual([["", expect.stringMatching(/the case fails/)]]);
  });

  it.each([
    [/expected DENY, but user:alice\S+ gets a token to act for user:alice\S+ by "self"/, "", { expect: DENY }],
    [/gets no token to act for user:bob\S+: no matching delegation/, "", { delegatedIdentity: bob, expect: ALLOW }],
    [/multiple delegation rules match \("self", "bobs"\)/, "", { requestor: bob, expect: ALLOW }],
    [/\(601 sec\) exceeds the maximum allowed one \(600 sec\)/, "", { validityDuration: 601n, expect: ALLOW }],
    [/expected rule "bobs", but "self" decides/, "rule", { expect: ALLOW, rule: "bobs" }],
    [/does not say what it expects/, "", {}],
    [/not an identity/, "requestor", { requestor: "alice", expect: DENY }],
    [/not canonical/, "delegated_identity", { delegatedIdentity: "user:Bob@example.com", expect: DENY }],
    [/not canonical/, "audience.1", { audience: [alice, "user:Bob@example.com"], expect: DENY }],
    [/no group "poeple"/, "audience.0", { audience: ["group:poeple"], expect: DENY }],
  ])("fail otherwise: %s", (message, place, changes) => {
    expect(runCase({ ...ask, ...changes })).toEqual([[place, expect.stringMatching(message)]]);
  });

  it.each([
    [/'audience' is required/, { audience: [] }],
    [/can't specify groups/, { services: ["group:people"] }],
    [/name it as service:<id>/, { services: ["https://files.example.com"] }],
    [/invalid 'validity_duration'/, { validityDuration: -1n }],
  ])("are refused where no rule would be asked: %s", (message, changes) => {
    expect(runCase({ ...ask, ...changes, expect: DENY })).toEqual([["", expect.stringMatching(message)]]);
  });

  it("keep a policy out that fails them, in text and in YAML, and say where", async () => {
    const allow = `cases { requestor: "bot:a.b" delegated_identity: "REQUESTOR" audience: "*" services: "*" expect: ALLOW }`;
    await expect(compilePolicy(policyOfFiles({ "delegation.cfg": `\n  ${allow}` }))).rejects.toThrow(
      /^delegation\.cfg:2:3: the case fails: expected ALLOW, but bot:a\.b gets no token/,
    );
    const yaml = `cases:\n- {requestor: "bot:a.b", delegated_identity: REQUESTOR, audience: ["*"], services: ["*"], expect: DENY}`;
    expect((await compilePolicy(policyOfFiles({ "delegation.yaml": yaml }))).warnings).toEqual([]);
    await expect(compilePolicy(policyOfFiles({ "delegation.yaml": yaml.replace("DENY", "ALLOW") }))).rejects.toThrow(
      /^delegation\.yaml:2:\d+: the case fails/,
    );
  });
});
