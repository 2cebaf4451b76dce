import { create } from "@bufbuild/protobuf";
import { GroupsConfigSchema } from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { PolicyFindings } from "../policies/policy-findings.js";
import { compileGroups } from "./groups.js";
import { entriesOf, groupOfEntry, identitySet, isInSet, isSubset } from "./identity-set.js";

const config = create(GroupsConfigSchema, { groups: [{ name: "g", members: ["user:a@x.y"] }] });
const groups = compileGroups(config, new PolicyFindings());

describe("isInSet", () => {
  it.each([
    [["*"], true],
    [["user:a@x.y"], true],
    [["group:g"], true],
    [["user:b@x.y", "group:h", "group:g"], true],
    [["user:b@x.y", "group:h"], false],
    [["user:A@x.y"], false],
    [[], false],
  ])("finds user:a@x.y in %j: %s", (entries, isIn) => {
    expect(isInSet("user:a@x.y", identitySet(entries), groups)).toBe(isIn);
  });
});

describe("isSubset", () => {
  it.each([
    [[], [], true],
    [[], ["user:a@x.y"], true],
    [["user:a@x.y"], [], false],
    [["user:a@x.y"], ["*"], true],
    [["*"], ["*"], true],
    [["*"], ["user:a@x.y"], false],
    [["user:a@x.y", "group:g"], ["group:h", "group:g", "user:a@x.y"], true],
    [["user:a@x.y"], ["group:g"], false],
    [["group:g"], ["user:a@x.y"], false],
    [["group:user:a@x.y"], ["user:a@x.y"], false],
  ])("%j is in %j: %s", (inner, outer, isIn) => {
    expect(isSubset(identitySet(inner), identitySet(outer))).toBe(isIn);
  });
});

it("writes a set sorted by bytes, each entry once", () => {
  const entries = ["user:b@x.y", "group:g", "user:B@x.y", "user:b@x.y", "bot:a"];
  expect(entriesOf(identitySet(entries))).toEqual(["bot:a", "group:g", "user:B@x.y", "user:b@x.y"]);
  expect(entriesOf(identitySet(["user:a@x.y", "*"]))).toEqual(["*"]);
  expect(entriesOf(identitySet([]))).toEqual([]);
});

it("tells groups from identities", () => {
  expect(groupOfEntry("group:g")).toBe("g");
  expect(groupOfEntry("group:")).toBe("");
  expect(groupOfEntry("user:group@x.y")).toBeUndefined();
});
