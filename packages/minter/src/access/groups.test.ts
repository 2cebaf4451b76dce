import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type GroupsConfig, GroupsConfigSchema, type GroupSchema } from "@tokens/api/config";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PolicyFindings } from "../policies/policy-findings.js";
import { checkGroupExists, compileGroups, isGroupName } from "./groups.js";

type GroupInit = MessageInitShape<typeof GroupSchema>;

function compile(...groups: GroupInit[]) {
  const findings = new PolicyFindings();
  return { groups: compileGroups(create(GroupsConfigSchema, { groups }), findings), findings: findings.list };
}

const alice = "user:alice@example.com";

describe("compileGroups", () => {
  it("knows members, patterns and the members of nested groups", () => {
    const { groups, findings } = compile(
      { name: "people", members: [alice] },
      { name: "machines", globs: ["bot:*.fleet.example.com"] },
      { name: "all", nested: ["people", "machines"] },
    );
    expect(findings).toEqual([]);
    expect(groups.has("people", alice)).toBe(true);
    expect(groups.has("machines", alice)).toBe(false);
    expect(groups.has("all", alice)).toBe(true);
    expect(groups.has("all", "bot:host-1.fleet.example.com")).toBe(true);
    expect(groups.has("all", "bot:host-1.example.com")).toBe(false);
  });

  it("gives examples of members, also of nested groups and patterns", () => {
    const { groups } = compile(
      { name: "a", members: [alice], nested: ["b"] },
      { name: "b", globs: ["bot:*.example.com"], nested: ["a"] },
    );
    expect(groups.examplesOf("a")).toEqual([alice, "bot:example.example.com"]);
    for (const example of groups.examplesOf("b")) expect(groups.has("b", example)).toBe(true);
    expect(groups.examplesOf("none")).toEqual([]);
    expect(groups.examplesOf("administrators")).toEqual([]);
  });

  it("compares identities exactly", () => {
    const { groups } = compile({ name: "people", members: [alice] });
    expect(groups.has("people", "user:Alice@example.com")).toBe(false);
    expect(groups.has("people", `${alice}.`)).toBe(false);
    expect(groups.has("people", "bot:alice@example.com")).toBe(false);
  });

  it("has nobody in groups that do not exist, whatever they are called", () => {
    const { groups } = compile({ name: "people", members: [alice] });
    for (const name of ["People", "", "__proto__", "constructor"]) expect(groups.has(name, alice)).toBe(false);
  });

  it("always has the groups that LUCI's rules name, empty unless they are listed", () => {
    const { groups } = compile({ name: "administrators", members: [alice] });
    expect(groups.has("administrators", alice)).toBe(true);
    for (const name of ["auth-project-actors", "auth-token-servers", "auth-luci-services"]) {
      expect(groups.isDefined(name)).toBe(true);
      expect(groups.has(name, alice)).toBe(false);
    }
    expect(compile().groups.areListed).toBe(false);
  });

  it("lets groups nest those that LUCI's rules name, without listing them", () => {
    expect(compile({ name: "g", nested: ["administrators"] }).findings).toEqual([]);
  });

  it("follows nesting of any depth", () => {
    const depth = 20_000;
    const list = Array.from({ length: depth }, (_, index) => ({ name: `g${index}`, nested: [`g${index + 1}`] }));
    const { groups, findings } = compile(...list, { name: `g${depth}`, members: [alice] });
    expect(findings).toEqual([]);
    expect(groups.has("g0", alice)).toBe(true);
  });

  it.each<[string, GroupInit[], (string | number)[], RegExp]>([
    ["a group without a name", [{ members: [alice] }], ["groups", 0], /has no name/],
    ["a name in other letters", [{ name: "People" }], ["groups", 0, "name"], /not a group name/],
    ["a name that is too long", [{ name: "g".repeat(101) }], ["groups", 0, "name"], /not a group name/],
    ["two groups of one name", [{ name: "g" }, { name: "g" }], ["groups", 1, "name"], /two groups "g"/],
    ["a member that is none", [{ name: "g", members: [alice, "x"] }], ["groups", 0, "members", 1], /not an identity/],
    ["a member in upper case", [{ name: "g", members: ["bot:A"] }], ["groups", 0, "members", 0], /write "bot:a"/],
    ["a group as a member", [{ name: "g", members: ["group:h"] }], ["groups", 0, "members", 0], /under nested/],
    ["a pattern as a member", [{ name: "g", members: ["bot:*.a"] }], ["groups", 0, "members", 0], /under globs/],
    ["a bad pattern", [{ name: "g", globs: ["bot:*", "*"] }], ["groups", 0, "globs", 1], /not a pattern/],
    ["a nested group that is missing", [{ name: "g", nested: ["h"] }], ["groups", 0, "nested", 0], /no group "h"/],
    [
      "a nested group with a prefix",
      [{ name: "g", nested: ["group:g"] }],
      ["groups", 0, "nested", 0],
      /without "group/,
    ],
    ["a group in itself", [{ name: "g", nested: ["g"] }], ["groups", 0, "nested", 0], /g → g/],
  ])("refuses %s", (_, list, path, message) => {
    const { findings } = compile(...list);
    expect(findings).toMatchObject([{ severity: "error", path }]);
    expect(findings[0]?.message).toMatch(message);
  });

  it("shows the way round a cycle, once, and does not hang in it", () => {
    const { groups, findings } = compile(
      { name: "start", nested: ["a"] },
      { name: "a", nested: ["b"] },
      { name: "b", nested: ["c", "a"] },
      { name: "c" },
    );
    expect(findings.map(({ path, message }) => [path, message])).toEqual([
      [["groups", 2, "nested", 1], "a group cannot contain itself: a → b → a"],
    ]);
    expect(groups.has("start", alice)).toBe(false);
  });

  it("warns of patterns that look like a slip", () => {
    const { findings } = compile({ name: "g", globs: ["bot:*example.com"] });
    expect(findings).toMatchObject([{ severity: "warning", path: ["groups", 0, "globs", 0] }]);
  });
});

describe("isGroupName", () => {
  it.each(["a", "0", "mdb/build-team", "a-b/c_d.e@f", "g".repeat(100), `mdb/${"g".repeat(100)}`])(
    "takes %s",
    (name) => {
      expect(isGroupName(name)).toBe(true);
    },
  );

  it.each(["", "A", "a b", "a/b/c", "/a", "mdb/", "MDB/a", "0/a", "m0b/a", "a\n", "g".repeat(101), "group:a"])(
    "takes no %j",
    (name) => {
      expect(isGroupName(name)).toBe(false);
    },
  );
});

describe("checkGroupExists", () => {
  it.each([
    ["an error where groups.cfg lists groups", [{ name: "g" }], "h", ["error"]],
    ["a warning where it lists none", [], "h", ["warning"]],
    ["an error where the name is empty", [], "", ["error"]],
    ["nothing where it exists", [{ name: "g" }], "g", []],
    ["nothing for a group that always exists", [], "administrators", []],
  ])("reports %s", (_, list, name, severities) => {
    const findings = new PolicyFindings();
    checkGroupExists(name, [], compile(...list).groups, findings);
    expect(findings.list.map(({ severity }) => severity)).toEqual(severities);
  });
});

/**
 * Membership the slow way, from its definition: start with what is listed, and add whoever is in a nested group until
 * nothing is added. Shares no code with the real one.
 */
function slowMembers(config: GroupsConfig, identities: readonly string[]): Set<string> {
  const fits = (identity: string, glob: string) =>
    new RegExp(`^${glob.replaceAll(".", "\\.").replaceAll("*", ".*")}$`).test(identity);
  const members = new Set<string>();
  for (let size = -1; size !== members.size;) {
    size = members.size;
    for (const { name, members: listed, globs, nested } of config.groups) {
      for (const identity of identities) {
        const direct = listed.includes(identity) || globs.some((glob) => fits(identity, glob));
        if (direct || nested.some((other) => members.has(`${other} ${identity}`))) members.add(`${name} ${identity}`);
      }
    }
  }
  return members;
}

describe("membership", () => {
  const identities = ["user:a@x.y", "user:b@x.y", "bot:a.x.y", "bot:b.z"];
  const names = ["g0", "g1", "g2", "g3", "g4", "g5"];
  const anyOf = (values: readonly string[]) => fc.uniqueArray(fc.constantFrom(...values), { maxLength: 3 });
  const anyGroups = fc.tuple(
    ...names.map((name) =>
      fc.record({
        name: fc.constant(name),
        members: anyOf(identities),
        globs: anyOf(["user:*@x.y", "bot:*.x.y", "bot:b*"]),
        nested: anyOf(names),
      }),
    ),
  );

  it("agrees with the slow model on any graph of groups, with cycles or without", () => {
    fc.assert(
      fc.property(anyGroups, (list) => {
        const config = create(GroupsConfigSchema, { groups: list });
        const groups = compileGroups(config, new PolicyFindings());
        const slow = slowMembers(config, identities);
        for (const name of names) {
          for (const identity of identities) expect(groups.has(name, identity)).toBe(slow.has(`${name} ${identity}`));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
