import { GroupsConfigSchema } from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { describeProblem } from "./policy-problem.js";
import { policyOfFiles, PolicyReader, type PolicySource } from "./policy-reader.js";

const readerOf = (files: Record<string, string>) => new PolicyReader(policyOfFiles(files));
const problemsOf = ({ problems }: PolicyReader) => problems.map(describeProblem);
const namesIn = (reader: PolicyReader) =>
  reader.compile("groups", GroupsConfigSchema, ({ groups }) => groups.map(({ name }) => name));

describe("PolicyReader", () => {
  it.each([
    ["groups.cfg", 'groups { name: "a" }'],
    ["groups.yaml", "groups: [{name: a}]"],
  ])("reads %s", async (path, text) => {
    const reader = readerOf({ [path]: text });
    expect(await namesIn(reader)).toEqual(["a"]);
    expect(reader.files).toEqual({ [path]: text });
    expect(reader.contents.get("groups")).toEqual({ groups: [{ name: "a" }] });
    expect(reader.problems).toEqual([]);
  });

  it("takes a missing file for an empty one", async () => {
    const reader = readerOf({});
    expect(await namesIn(reader)).toEqual([]);
    expect(reader.files).toEqual({});
    expect(reader.hasErrors).toBe(false);
  });

  it("refuses the same policy in two files: which one counts?", async () => {
    const reader = readerOf({ "groups.cfg": "", "groups.yaml": "" });
    await namesIn(reader);
    expect(problemsOf(reader)).toEqual([
      "groups.yaml:1:1: there is groups.cfg too, and only one can count; remove one",
    ]);
  });

  it("says where a file cannot be read, and goes on with the others", async () => {
    const reader = readerOf({ "groups.cfg": 'groups {\n  name: "a"\n  colour: 1\n}' });
    expect(await namesIn(reader)).toEqual([]);
    expect(problemsOf(reader)).toEqual(['groups.cfg:3:3: there is no field "colour" here']);
    expect(reader.hasErrors).toBe(true);
  });

  it("says that a file could not be read at all", async () => {
    const source: PolicySource = { read: () => Promise.reject(new Error("permission denied")) };
    const reader = new PolicyReader(source);
    await namesIn(reader);
    expect(problemsOf(reader)).toEqual([
      "groups.cfg:1:1: cannot be read: permission denied",
      "groups.yaml:1:1: cannot be read: permission denied",
    ]);
  });

  it("knows the places of what is found later, in both syntaxes", async () => {
    for (const [path, text, place] of [
      ["groups.cfg", '\ngroups {\n  members: ["a", "b"] }', "3:18"],
      ["groups.yaml", "groups:\n  - members: [a, b]", "2:18"],
    ] as const) {
      const reader = readerOf({ [path]: text });
      await namesIn(reader);
      reader.review("groups", GroupsConfigSchema, (_, findings) => {
        findings.warning(["groups", 0, "members", 1], "doubtful");
      });
      expect(problemsOf(reader)).toEqual([`warning: ${path}:${place}: doubtful`]);
      expect(reader.hasErrors).toBe(false);
    }
  });

  it("reads a file that a policy names, and remembers it", async () => {
    const reader = readerOf({ "a.pem": "A" });
    expect(await reader.readFile("a.pem")).toBe("A");
    await expect(reader.readFile("b.pem")).rejects.toThrow("no such file");
    await expect(reader.readFile("__proto__")).rejects.toThrow("no such file");
    expect(reader.files).toEqual({ "a.pem": "A" });
  });
});
