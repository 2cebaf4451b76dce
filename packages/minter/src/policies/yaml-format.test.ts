import { DelegationPermissionsSchema, Expectation, GroupsConfigSchema } from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { offsetOf, placeOf, UnreadableText } from "./text-places.js";
import { readYamlFormat } from "./yaml-format.js";

const text = `# Groups
groups:
  - name: a
    members:
      - user:x@y
      - "bot:c.d"
  - {name: b, nested: [a]}
cases:
  - expect: ALLOW
`;

const placeIn = (...path: (string | number)[]) => {
  const { line, column } = placeOf(text, offsetOf(readYamlFormat(GroupsConfigSchema, text).fields, path));
  return `${line}:${column}`;
};

const misplaced = (content: string, schema: typeof GroupsConfigSchema | typeof DelegationPermissionsSchema) => {
  try {
    readYamlFormat(schema, content);
  } catch (error) {
    if (!(error instanceof UnreadableText)) throw error;
    const { line, column } = placeOf(content, error.offset);
    return `${line}:${column} ${error.message}`;
  }
  return "good";
};

describe("readYamlFormat", () => {
  it("reads what text format would say", () => {
    const { message } = readYamlFormat(GroupsConfigSchema, text);
    expect(message).toMatchObject({
      groups: [
        { name: "a", members: ["user:x@y", "bot:c.d"], nested: [] },
        { name: "b", members: [], nested: ["a"] },
      ],
      cases: [{ expect: Expectation.ALLOW }],
    });
  });

  it("takes keys as in the proto file and as in JSON", () => {
    const both = "rules:\n- max_validity_duration: 60\n- maxValidityDuration: 9223372036854775807\n";
    const { message } = readYamlFormat(DelegationPermissionsSchema, both);
    expect(message.rules.map(({ maxValidityDuration }) => maxValidityDuration)).toEqual([60n, 9223372036854775807n]);
  });

  it.each(["", "# nothing yet\n", "---\n", "groups:\n", "groups: []\n"])("reads %j as an empty file", (content) => {
    expect(readYamlFormat(GroupsConfigSchema, content).message.groups).toEqual([]);
  });

  it.each<[string, (string | number)[]]>([
    ["1:1", []],
    ["3:5", ["groups", 0]],
    ["3:5", ["groups", 0, "name"]],
    ["5:9", ["groups", 0, "members", 0]],
    ["6:9", ["groups", 0, "members", 1]],
    ["7:5", ["groups", 1]],
    ["7:24", ["groups", 1, "nested", 0]],
    ["9:5", ["cases", 0, "expect"]],
  ])("knows that %s is the place of %j", (place, path) => {
    expect(placeIn(...path)).toBe(place);
  });

  it.each([
    ["- a", /^1:1 expected keys and values/],
    ["text", /^1:1 expected keys and values/],
    ["groups:\n  - colour: red", /^2:5 there is no field "colour" here/],
    ["groups:\n  - name: a\n    name: b", /^3:5 Map keys must be unique/],
    ["groups:\n  - name: 7", /^2:5 name: expected string/],
    ["groups:\n  - members: user:a@b", /^2:5 members: expected Array/],
    ["groups:\n  - members: [user:a@b, 7]", /^2:25 members/],
    ["groups:\n  - members: [[user:a@b]]", /^2:15 .*a list cannot hold lists/],
    ["groups:\n  - members: [{a: b}]", /^2:15 members/],
    ["groups: {name: a}", /^1:1 groups: expected Array/],
    ["cases:\n  - expect: PERHAPS", /^2:5 expect/],
    ["groups: &a\n  - name: x\ncases: *a", /^3:8 aliases are not supported/],
    ["groups:\n  - name: !!binary aa", /^2:20 expected text/],
    ["groups:\n  - name: !secret aa", /^2:11 Unresolved tag/],
    ["groups: []\n---\ngroups: []", /^2:1 .*multiple documents/],
    ["groups: [", /^1:10 /],
    ["\tgroups: []", /^1:1 Tabs/],
    ["? [a]\n: b", /^1:3 .*strings/],
    ["__proto__:\n  groups: []", /^1:1 there is no field "__proto__"/],
    ["constructor: 1", /^1:1 there is no field "constructor"/],
    ["<<: {groups: []}", /^1:1 there is no field "<<"/],
  ])("says where %j goes wrong", (content, message) => {
    expect(misplaced(content, GroupsConfigSchema)).toMatch(message);
  });

  it.each([
    ["rules:\n- max_validity_duration: 60\n  maxValidityDuration: 61", /^3:3 max_validity_duration is there twice/],
    ["rules:\n- max_validity_duration: 60.5", /^2:3 max_validity_duration/],
    ["rules:\n- max_validity_duration: .inf", /^2:3 max_validity_duration/],
    ["rules:\n- max_validity_duration: 1e400", /^2:3 max_validity_duration/],
    ["rules:\n- max_validity_duration: yes", /^2:3 max_validity_duration/],
    ["rules:\n- max_validity_duration: 9223372036854775808", /^2:3 max_validity_duration/],
    ["%YAML 1.1\n---\nrules:\n- name: no", /^good/],
  ])("does not guess: %j", (content, message) => {
    expect(misplaced(content, DelegationPermissionsSchema)).toMatch(message);
  });
});
