import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { GroupsConfigSchema, RealmsConfigSchema, type RealmSchema } from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { PolicyFindings } from "../policies/policy-findings.js";
import { compileGroups } from "./groups.js";
import { compileRealms, EXIST_IN_REALM, MINT_TOKEN } from "./realms.js";

type RealmInit = MessageInitShape<typeof RealmSchema>;

const groupsConfig = create(GroupsConfigSchema, { groups: [{ name: "builders", globs: ["bot:*.fleet.example.com"] }] });
const groups = compileGroups(groupsConfig, new PolicyFindings());

function compile(...realms: RealmInit[]) {
  const findings = new PolicyFindings();
  return { realms: compileRealms(create(RealmsConfigSchema, { realms }), groups, findings), findings: findings.list };
}

const bind = (permission: string, ...principals: string[]) => ({ permissions: [permission], principals });
const alice = "user:alice@example.com";
const bot = "bot:host-1.fleet.example.com";

describe("compileRealms", () => {
  it("gives a permission to identities and groups that a binding names", () => {
    const { realms, findings } = compile({ name: "p:ci", bindings: [bind(MINT_TOKEN, alice, "group:builders")] });
    expect(findings).toEqual([]);
    expect(realms.grantedBy(alice, MINT_TOKEN, "p:ci")).toBe("p:ci");
    expect(realms.grantedBy(bot, MINT_TOKEN, "p:ci")).toBe("p:ci");
    expect(realms.grantedBy("user:bob@example.com", MINT_TOKEN, "p:ci")).toBeUndefined();
    expect(realms.grantedBy(alice, EXIST_IN_REALM, "p:ci")).toBeUndefined();
  });

  it("lets all realms of a project inherit its root, those too that nobody defined", () => {
    const { realms } = compile(
      { name: "p:@root", bindings: [bind(MINT_TOKEN, alice)] },
      { name: "p:ci", bindings: [bind(MINT_TOKEN, bot)] },
    );
    expect(realms.grantedBy(alice, MINT_TOKEN, "p:ci")).toBe("p:@root");
    expect(realms.grantedBy(alice, MINT_TOKEN, "p:anything")).toBe("p:@root");
    expect(realms.grantedBy(alice, MINT_TOKEN, "p:@root")).toBe("p:@root");
    expect(realms.grantedBy(bot, MINT_TOKEN, "p:ci")).toBe("p:ci");
    expect(realms.grantedBy(bot, MINT_TOKEN, "p:other")).toBeUndefined();
  });

  it("gives nothing in another project, in a bad realm, or without realms", () => {
    const { realms } = compile({ name: "p:@root", bindings: [bind(MINT_TOKEN, alice)] });
    for (const realm of ["q:ci", "pp:ci", "p", "p:", "P:ci", "p:ci:x", ""]) {
      expect(realms.grantedBy(alice, MINT_TOKEN, realm)).toBeUndefined();
    }
    expect(compile().realms.grantedBy(alice, MINT_TOKEN, "p:ci")).toBeUndefined();
  });

  it("gives nothing by '*', which is refused, even if it is asked all the same", () => {
    const { realms, findings } = compile({ name: "p:ci", bindings: [bind(MINT_TOKEN, "*")] });
    expect(findings).toMatchObject([{ severity: "error", path: ["realms", 0, "bindings", 0, "principals", 0] }]);
    expect(realms.grantedBy(alice, MINT_TOKEN, "p:ci")).toBeUndefined();
  });

  const place = ["realms", 0, "bindings", 0];
  it.each<[string, RealmInit[], (string | number)[], RegExp]>([
    ["a realm without a name", [{}], ["realms", 0], /has no name/],
    ["a name that is none", [{ name: "p" }], ["realms", 0, "name"], /project:realm/],
    ["a special realm that does not exist", [{ name: "p:@all" }], ["realms", 0, "name"], /not a realm/],
    ["two realms of one name", [{ name: "p:r" }, { name: "p:r" }], ["realms", 1, "name"], /two realms/],
    ["no permissions", [{ name: "p:r", bindings: [{ principals: [alice] }] }], place, /no permissions/],
    ["no principals", [{ name: "p:r", bindings: [{ permissions: [MINT_TOKEN] }] }], place, /no principals/],
    ["no permission", [{ name: "p:r", bindings: [bind("mint", alice)] }], [...place, "permissions", 0], /subject/],
    ["part of one", [{ name: "p:r", bindings: [bind("a.b", alice)] }], [...place, "permissions", 0], /subject/],
    ["too many parts", [{ name: "p:r", bindings: [bind("a.b.c.d", alice)] }], [...place, "permissions", 0], /subject/],
    ["a space before", [{ name: "p:r", bindings: [bind(" a.b.c", alice)] }], [...place, "permissions", 0], /subject/],
    ["no identity", [{ name: "p:r", bindings: [bind(MINT_TOKEN, "x")] }], [...place, "principals", 0], /not an id/],
    ["no group", [{ name: "p:r", bindings: [bind(MINT_TOKEN, "group:x")] }], [...place, "principals", 0], /no group/],
    [
      "an empty group",
      [{ name: "p:r", bindings: [bind(MINT_TOKEN, "group:")] }],
      [...place, "principals", 0],
      /behind/,
    ],
  ])("refuses %s", (_, list, path, message) => {
    const { findings } = compile(...list);
    expect(findings).toMatchObject([{ severity: "error", path }]);
    expect(findings[0]?.message).toMatch(message);
  });

  it("warns of a permission that nothing asks for", () => {
    const { findings } = compile({ name: "p:r", bindings: [bind("luci.serviceAccounts.mintTokens", alice)] });
    expect(findings).toMatchObject([{ severity: "warning", path: [...place, "permissions", 0] }]);
  });
});
