import { describe, expect, it } from "vitest";
import { describeWithVectors, readJsonVector } from "shared-vectors";
import { compilePolicy } from "../policies/compile-policy.js";
import { describeProblem, PolicyError } from "../policies/policy-problem.js";
import { policyOfFiles } from "../policies/policy-reader.js";

const compile = async (text: string) =>
  (await compilePolicy(policyOfFiles({ "project_owned_accounts.cfg": text }))).policy.accountMapping;

async function errorsOf(text: string): Promise<string[]> {
  const error = await compile(text).catch((thrown: unknown) => thrown);
  return error instanceof PolicyError ? error.problems.map(describeProblem) : [];
}

const mapping = (projects: string, accounts: string) =>
  `mapping {\n  project: ${projects}\n  service_account: ${accounts}\n}\n`;

describe("project_owned_accounts.cfg", () => {
  it("lets each project of a mapping use each of its accounts, and nothing else", async () => {
    const text = mapping('["one", "two"]', '["a@x.y", "b@x.y"]') + mapping('"three"', '"c@x.y"');
    const { allows, usesProjectAccount } = await compile(text);
    for (const project of ["one", "two"])
      for (const account of ["a@x.y", "b@x.y"]) {
        expect(allows(project, account)).toBe(true);
      }
    expect(allows("three", "c@x.y")).toBe(true);
    expect(allows("three", "a@x.y")).toBe(false);
    expect(allows("one", "c@x.y")).toBe(false);
    expect(allows("one", "A@x.y")).toBe(false);
    expect(usesProjectAccount("one")).toBe(false);
  });

  it("knows the projects that use their own accounts, and that an empty file allows nothing", async () => {
    const scoped = await compile('use_project_scoped_account: ["three", "@internal", "three"]');
    expect(["three", "@internal", "one"].map((name) => scoped.usesProjectAccount(name))).toEqual([true, true, false]);
    const empty = await compile("");
    expect([empty.allows("one", "a@x.y"), empty.usesProjectAccount("one")]).toEqual([false, false]);
    expect((await compile(mapping('"@internal"', '"a@x.y"'))).allows("@internal", "a@x.y")).toBe(true);
  });

  it.each([
    ["a mapping without a project", 'mapping {\n  service_account: "a@x.y" }', /:1:1: at least one project/],
    ["a mapping without an account", 'mapping {\n  project: "p" }', /:1:1: at least one service account/],
    ["a name that is no project", mapping('["p", "P"]', '"a@x.y"'), /:2:18: bad project "P"/],
    ["an account that is no e-mail", mapping('"p"', '"nonsense"'), /:3:3: bad service_account "nonsense"/],
    ["an account in upper case", mapping('"p"', '"A@x.y"'), /:3:3: service_account "A@x\.y" must be lowercase/],
    ["an account twice in one mapping", mapping('"p"', '["a@x.y", "a@x.y"]'), /:3:30: .* in more than one mapping/],
    ["an account in two mappings", mapping('"p"', '"a@x.y"').repeat(2), /:7:3: .* in more than one mapping/],
    ["a scoped name that is no project", 'use_project_scoped_account: "One!"', /:1:1: bad project "One!"/],
    [
      "a scoped project with a mapping",
      `${mapping('"p"', '"a@x.y"')}use_project_scoped_account: "p"`,
      /:5:1: project "p" is in use_project_scoped_account, and has mapping entries/,
    ],
  ])("refuses %s", async (_, text, problem) => {
    expect(await errorsOf(text)).toEqual([expect.stringMatching(problem)]);
  });

  it("names every error at once", async () => {
    expect(await errorsOf(`mapping {}\n${mapping('"P"', '["nonsense", "B@x.y"]')}`)).toHaveLength(5);
  });
});

describeWithVectors("project_owned_accounts.cfg of the golden vectors", () => {
  interface ConfigCase {
    readonly name: string;
    readonly path: string;
    readonly content: string;
    readonly valid: boolean;
    readonly errors?: readonly string[];
  }
  const { cases } = readJsonVector<{ cases: ConfigCase[] }>("config/cases.json");
  const known = cases.filter(({ path }) => path === "project_owned_accounts.cfg");

  it.each(known)("judges as LUCI's validator: $name", async ({ content, valid, errors = [] }) => {
    expect(await errorsOf(content)).toHaveLength(valid ? 0 : errors.length);
  });
});
