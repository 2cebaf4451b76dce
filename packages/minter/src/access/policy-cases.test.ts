import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Expectation,
  type GroupCaseSchema,
  GroupsConfigSchema,
  type RealmCaseSchema,
  RealmsConfigSchema,
} from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { PolicyFindings } from "../policies/policy-findings.js";
import { compileGroups } from "./groups.js";
import { checkGroupCases, checkRealmCases } from "./policy-cases.js";
import { compileRealms, MINT_TOKEN } from "./realms.js";

const { ALLOW, DENY } = Expectation;
const alice = "user:alice@example.com";
const bob = "user:bob@example.com";
const groupList = [{ name: "g", members: [alice] }];
const realmList = [
  { name: "p:@root", bindings: [{ permissions: [MINT_TOKEN], principals: [alice] }] },
  { name: "p:r", bindings: [{ permissions: [MINT_TOKEN], principals: [bob] }] },
];

function runGroupCase(groupCase: MessageInitShape<typeof GroupCaseSchema>) {
  const config = create(GroupsConfigSchema, { groups: groupList, cases: [groupCase] });
  const findings = new PolicyFindings();
  checkGroupCases(config, compileGroups(config, new PolicyFindings()), findings);
  return findings.list.map(({ path, message }) => [path.slice(2).join("."), message]);
}

function runRealmCase(realmCase: MessageInitShape<typeof RealmCaseSchema>) {
  const config = create(RealmsConfigSchema, { realms: realmList, cases: [realmCase] });
  const findings = new PolicyFindings();
  const groups = compileGroups(create(GroupsConfigSchema, {}), new PolicyFindings());
  checkRealmCases(config, compileRealms(config, groups, new PolicyFindings()), findings);
  return findings.list.map(({ path, message }) => [path.slice(2).join("."), message]);
}

describe("cases in groups.cfg", () => {
  it("pass when all is as expected", () => {
    expect(runGroupCase({ identity: alice, group: "g", expect: ALLOW })).toEqual([]);
    expect(runGroupCase({ identity: bob, group: "g", expect: DENY })).toEqual([]);
  });

  it.each([
    [{ identity: bob, group: "g", expect: ALLOW }, "", /expected ALLOW, but user:bob@example.com is not in group "g"/],
    [{ identity: alice, group: "g", expect: DENY }, "", /expected DENY, but user:alice@example.com is in group "g"/],
    [{ identity: alice, group: "g" }, "", /does not say what it expects/],
    [{ identity: "user:Alice@example.com", group: "g", expect: DENY }, "identity", /not canonical/],
    [{ identity: alice, group: "h", expect: DENY }, "group", /no group "h"/],
  ])("fail otherwise: %j", (groupCase, place, message) => {
    expect(runGroupCase(groupCase)).toEqual([[place, expect.stringMatching(message)]]);
  });
});

describe("cases in realms.cfg", () => {
  const ask = { permission: MINT_TOKEN, realm: "p:r" };

  it("pass when all is as expected, with the realm that decides or without", () => {
    expect(runRealmCase({ ...ask, identity: alice, expect: ALLOW })).toEqual([]);
    expect(runRealmCase({ ...ask, identity: alice, expect: ALLOW, rule: "p:@root" })).toEqual([]);
    expect(runRealmCase({ ...ask, identity: bob, expect: ALLOW, rule: "p:r" })).toEqual([]);
    expect(runRealmCase({ ...ask, identity: bob, realm: "p:other", expect: DENY })).toEqual([]);
  });

  it.each([
    [{ ...ask, identity: bob, expect: DENY }, "", /expected DENY, but .* has luci.* in "p:r" by "p:r"/],
    [{ ...ask, identity: "bot:a", expect: ALLOW }, "", /expected ALLOW, but bot:a has no luci/],
    [{ ...ask, identity: alice, expect: ALLOW, rule: "p:r" }, "rule", /expected rule "p:r", but "p:@root" decides/],
    [{ ...ask, identity: alice }, "", /does not say what it expects/],
    [{ ...ask, identity: "alice", expect: DENY }, "identity", /not an identity/],
    [{ ...ask, identity: alice, realm: "p", expect: DENY }, "realm", /not a realm/],
  ])("fail otherwise: %j", (realmCase, place, message) => {
    expect(runRealmCase(realmCase)).toEqual([[place, expect.stringMatching(message)]]);
  });
});
