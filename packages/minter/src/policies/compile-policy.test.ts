import { describe, expect, it } from "vitest";
import { compilePolicy } from "./compile-policy.js";
import { describeProblem, PolicyError } from "./policy-problem.js";
import { policyOfFiles } from "./policy-reader.js";

const compile = (files: Record<string, string>) => compilePolicy(policyOfFiles(files));
const errorsOf = async (files: Record<string, string>) => {
  const error = await compile(files).catch((thrown: unknown) => thrown);
  if (!(error instanceof PolicyError)) throw new Error("it compiled");
  return error.message.split("\n");
};

const good = {
  "groups.yaml": "groups: [{name: g, members: [user:a@x.y]}]",
  "realms.cfg": `realms { name: "p:r" bindings {
    permissions: "luci.serviceAccounts.mintToken" principals: "group:g" } }`,
};

describe("compilePolicy", () => {
  it("makes one policy of all files", async () => {
    const { policy, files, warnings } = await compile(good);
    expect(policy.groups.has("g", "user:a@x.y")).toBe(true);
    expect(policy.realms.grantedBy("user:a@x.y", "luci.serviceAccounts.mintToken", "p:r")).toBe("p:r");
    expect(files).toEqual(good);
    expect(warnings).toEqual([]);
  });

  it("gives the same files the same revision, and others another", async () => {
    const { policy } = await compile(good);
    const reversed = Object.fromEntries(Object.entries(good).reverse());
    expect((await compile(reversed)).policy.revision).toBe(policy.revision);
    expect(policy.revision).toMatch(/^[0-9a-f]{40}$/);
    expect((await compile({ ...good, "groups.yaml": `${good["groups.yaml"]} ` })).policy.revision).not.toBe(
      policy.revision,
    );
  });

  it("names every error of every file, and takes none of them", async () => {
    const files = {
      "groups.cfg": 'groups {\n  name: "g"\n  members: "x"\n  nested: "h"\n}',
      "realms.cfg": 'realms {\n  name: "p:r"\n  bindings { permissions: "a.b.c" principals: "group:h" }\n}',
      "tokenserver.cfg": "{",
    };
    expect((await errorsOf(files)).map((line) => line.split(" ")[0])).toEqual([
      "groups.cfg:3:3:",
      "groups.cfg:4:3:",
      "realms.cfg:3:35:",
      "tokenserver.cfg:1:1:",
    ]);
  });

  it("takes a missing group for an error only where groups.cfg lists some", async () => {
    const realms = { "realms.cfg": good["realms.cfg"] };
    const { warnings } = await compile(realms);
    expect(warnings.map(describeProblem)).toEqual([
      'warning: realms.cfg:2:51: there is no group "g": groups.cfg lists none',
    ]);
    const groups = 'groups { name: "h" }';
    expect(await errorsOf({ ...realms, "groups.cfg": groups })).toEqual([
      'realms.cfg:2:51: there is no group "g" in groups.cfg',
    ]);
  });

  it("refuses files whose tests fail, and says what came out", async () => {
    const cases = `
cases { identity: "user:a@x.y" permission: "luci.serviceAccounts.mintToken" realm: "p:r" expect: ALLOW }
cases { identity: "user:b@x.y" permission: "luci.serviceAccounts.mintToken" realm: "p:r" expect: ALLOW }`;
    expect(await errorsOf({ ...good, "realms.cfg": good["realms.cfg"] + cases })).toEqual([
      "realms.cfg:4:1: the case fails: expected ALLOW, but " +
        'user:b@x.y has no luci.serviceAccounts.mintToken in "p:r"',
    ]);
  });

  it("runs no tests on files that have errors: what failed would mislead", async () => {
    const files = { ...good, "groups.yaml": "cases: [{identity: user:a@x.y, group: g, expect: ALLOW}]\nrubbish: 1" };
    expect(await errorsOf(files)).toEqual(['groups.yaml:2:1: there is no field "rubbish" here']);
  });
});
