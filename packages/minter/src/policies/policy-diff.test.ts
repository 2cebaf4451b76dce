import { describe, expect, it } from "vitest";
import { compilePolicy } from "./compile-policy.js";
import { diffPolicies } from "./policy-diff.js";
import { policyOfFiles } from "./policy-reader.js";

async function diff(before: Record<string, string>, after: Record<string, string>): Promise<string[]> {
  const [old, now] = [await compilePolicy(policyOfFiles(before)), await compilePolicy(policyOfFiles(after))];
  return diffPolicies(old, now);
}

const groups = (text: string) => ({ "groups.cfg": text });
const a = 'groups { name: "a" members: "user:x@y.z" members: "user:y@y.z" }';

describe("diffPolicies", () => {
  it("says nothing about layout, comments, order of fields and the other syntax", async () => {
    expect(
      await diff(groups(a), groups(`# note\ngroups {\nmembers: ["user:x@y.z", "user:y@y.z"], name: "a"\n}`)),
    ).toEqual([]);
    const yaml = { "groups.yaml": "groups:\n- name: a\n  members: [user:x@y.z, user:y@y.z]\n" };
    expect(await diff(groups(a), yaml)).toEqual([]);
  });

  it.each([
    [
      "a member that came",
      groups(a.replace(" }", ' members: "user:z@y.z" }')),
      ['groups.groups["a"].members: + "user:z@y.z"'],
    ],
    [
      "a member that went",
      groups('groups { name: "a" members: "user:x@y.z" }'),
      ['groups.groups["a"].members: - "user:y@y.z"'],
    ],
    ["a group that came", groups(`${a} groups { name: "b" }`), ['groups.groups: + {"name":"b"}']],
    [
      "a list that went",
      groups('groups { name: "a" }'),
      ['groups.groups["a"].members: - "user:x@y.z"', 'groups.groups["a"].members: - "user:y@y.z"'],
    ],
    [
      "another name",
      groups(a.replace('"a"', '"b"')),
      [
        'groups.groups: - {"name":"a","members":["user:x@y.z","user:y@y.z"]}',
        'groups.groups: + {"name":"b","members":["user:x@y.z","user:y@y.z"]}',
      ],
    ],
    [
      "another order",
      groups('groups { name: "a" members: "user:y@y.z" members: "user:x@y.z" }'),
      ['groups.groups["a"].members: the order changed'],
    ],
    ["a file that went", {}, ['groups.groups: - {"name":"a","members":["user:x@y.z","user:y@y.z"]}']],
  ])("says what changed: %s", async (_, after, lines) => {
    expect(await diff(groups(a), after)).toEqual(lines);
  });

  it("says how a value changed", async () => {
    const of = (expect: string) => groups(`cases { identity: "user:x@y.z" group: "administrators" expect: ${expect} }`);
    const contents = (value: number) => ({
      contents: new Map([["f", { rules: [{ name: "r", max: value }] }]]),
      files: {},
    });
    expect(diffPolicies(contents(1), contents(2))).toEqual(['f.rules["r"].max: 1 → 2']);
    expect(await diff(of("DENY"), {})).toHaveLength(1);
  });

  it("notices that a file which a policy names has changed", () => {
    const files = (pem: string | undefined) => ({
      contents: new Map(),
      files: pem === undefined ? {} : { "ca.pem": pem },
    });
    expect(diffPolicies(files("A"), files("B"))).toEqual(["ca.pem: changed"]);
    expect(diffPolicies(files(undefined), files("B"))).toEqual(["ca.pem: added"]);
    expect(diffPolicies(files("A"), files(undefined))).toEqual(["ca.pem: removed"]);
  });

  it("does not hide a change behind a second entry of the same name", () => {
    const list = (...max: number[]) => ({
      contents: new Map([["f", { rules: max.map((value) => ({ name: "r", max: value })) }]]),
      files: {},
    });
    expect(diffPolicies(list(1, 2), list(1, 3))).toEqual(['f.rules["r" #1].max: 2 → 3']);
  });
});
