import { create } from "@bufbuild/protobuf";
import { fromText, toText } from "@bufbuild/protobuf/txtpb";
import {
  DelegationPermissionsSchema,
  GroupsConfigSchema,
  ProjectsCfgSchema,
  ServiceAccountsProjectMappingSchema,
  TokenServerConfigSchema,
} from "@tokens/api/config";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeWithVectors, readJsonVector } from "shared-vectors";
import { readTextFormat, scanTextFormat } from "./text-format.js";
import { offsetOf, placeOf, UnreadableText } from "./text-places.js";

const text = `# Groups
groups {
  name: "a"  # the first
  members: "user:x@y"
  members: ["user:\\"{z}@y", 'bot:' "a.b",
            "bot:c.d"]
}
groups: [{ name: "b", nested: [] }, < name: "c"; nested: ["a"] >]
cases { expect: ALLOW }
`;

const placeIn = (content: string, ...path: (string | number)[]) => {
  const { line, column } = placeOf(content, offsetOf(scanTextFormat(content), path));
  return `${line}:${column}`;
};

describe("places", () => {
  it.each<[string, (string | number)[]]>([
    ["1:1", []],
    ["2:1", ["groups"]],
    ["2:1", ["groups", 0]],
    ["3:3", ["groups", 0, "name"]],
    ["4:3", ["groups", 0, "members", 0]],
    ["5:13", ["groups", 0, "members", 1]],
    ["5:29", ["groups", 0, "members", 2]],
    ["6:13", ["groups", 0, "members", 3]],
    ["8:10", ["groups", 1]],
    ["8:12", ["groups", 1, "name"]],
    ["8:39", ["groups", 2, "name"]],
    ["8:59", ["groups", 2, "nested", 0]],
    ["9:9", ["cases", 0, "expect"]],
  ])("are found: %s", (place, path) => {
    expect(placeIn(text, ...path)).toBe(place);
  });

  it.each(["\r", "\v", "\u2028", "\u2029"])("of what stands in a comment are none, also after %j", (end) => {
    const content = `# was:${end}groups { name: "x" }\ngroups { name: "a" }\n`;
    expect(placeIn(content, "groups", 0)).toBe("2:1");
    expect(readTextFormat(GroupsConfigSchema, content).message.groups.map(({ name }) => name)).toEqual(["a"]);
  });

  it("are those of the message around it for what is not written down", () => {
    expect(placeIn(text, "groups", 1, "globs", 0)).toBe("8:10");
    expect(placeIn(text, "groups", 7, "name")).toBe("1:1");
  });
});

const misplaced = (content: string) => {
  try {
    readTextFormat(GroupsConfigSchema, content);
  } catch (error) {
    if (!(error instanceof UnreadableText)) throw error;
    const { line, column } = placeOf(content, error.offset);
    return `${line}:${column} ${error.message}`;
  }
  return "good";
};

describe("readTextFormat", () => {
  it("reads what it knows the places of", () => {
    const { message } = readTextFormat(GroupsConfigSchema, text);
    expect(message.groups.map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(message.groups[0]?.members).toEqual(["user:x@y", 'user:"{z}@y', "bot:a.b", "bot:c.d"]);
  });

  it.each([
    ["{", /^1:1 expected the name of a field, got "{"/],
    ["groups", /^1:7 expected a value, got the end/],
    ["groups {", /^1:9 expected the name of a field, got the end/],
    ["groups {}\n}", /^2:1 expected the name/],
    ['groups { name: "a', /^1:16 the string does not end on its line/],
    ['groups {\n  members: ["a",]\n}', /^2:17 expected a value, got "]"/],
    ['groups {\n  members: ["a" }', /^2:17 expected "," or "]"/],
    ["groups {\n  colour: 1\n}", /^2:3 there is no field "colour" here/],
    ['groups {\n  name: "a"\n  name: "b"\n}', /^3:3 name is there twice/],
    ["groups {\n  name: 7\n}", /^2:3 name: expected a string/],
    ['groups {\n  name "a"\n}', /^2:3 name: expected ":"/],
    ['groups {\n  members: ["a", 7]\n}', /^2:18 members: expected a string/],
    ["groups: 1", /^1:1 groups: expected "{"/],
    ["groups { name: {} }", /^1:10 name: expected a string/],
    ["cases { expect: PERHAPS }", /^1:9 expect: unknown enum value "PERHAPS"/],
    ['groups { name: "\\xff" }', /^1:10 name: invalid UTF-8/],
    ["groups {".repeat(101) + "}".repeat(101), /too deep/],
  ])("says where %j goes wrong", (content, message) => {
    expect(misplaced(content)).toMatch(message);
  });
});

describe("the scanner", () => {
  it("takes all that the protobuf library takes, and nothing keeps it from ending", () => {
    const piece = fc.constantFrom(
      ..."groups name members { } < > [ ] : , ; 'a' \"b\" \\ \" ' # -1 0x2a 1.5e-3 ALLOW expect cases".split(" "),
      "\n",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const content = pieces.join(" ");
        const taken = takes(() => fromText(GroupsConfigSchema, content));
        const scanned = takes(() => scanTextFormat(content));
        if (taken) expect(scanned).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  it("finds each entry of what the protobuf library writes", () => {
    const word = fc.string({ unit: "grapheme", maxLength: 8 });
    const group = fc.record({ name: word, members: fc.array(word, { maxLength: 3 }) });
    fc.assert(
      fc.property(fc.array(group, { maxLength: 4 }), (groups) => {
        const content = toText(GroupsConfigSchema, create(GroupsConfigSchema, { groups }));
        const fields = scanTextFormat(content);
        for (const [index, { members }] of groups.entries()) {
          for (const [entry, member] of members.entries()) {
            const offset = offsetOf(fields, ["groups", index, "members", entry]);
            const line = content.slice(offset).split("\n", 1)[0] ?? "";
            expect(fromText(GroupsConfigSchema, `groups { ${line} }`).groups[0]?.members).toEqual([member]);
          }
        }
      }),
    );
  });
});

function takes(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return false;
  }
}

describeWithVectors("policy files of the golden vectors", () => {
  const schemas = {
    "delegation.cfg": DelegationPermissionsSchema,
    "tokenserver.cfg": TokenServerConfigSchema,
    "projects.cfg": ProjectsCfgSchema,
    "project_owned_accounts.cfg": ServiceAccountsProjectMappingSchema,
  };
  const { cases } = readJsonVector<{ cases: { name: string; path: string; content: string }[] }>("config/cases.json");
  const known = cases.filter(({ path }) => path in schemas);

  it.each(known)("$name: scanned if the protobuf library reads it", ({ path, content }) => {
    const schema = schemas[path as keyof typeof schemas];
    const read = takes(() => fromText(schema, content));
    expect(takes(() => readTextFormat(schema, content))).toBe(read);
  });
});
