import { expect, it } from "vitest";
import { describeWithVectors, readJsonVector, vectorPolicy } from "shared-vectors";
import { compilePolicy, PolicyError, policyOfFiles, type PolicySource } from "../policy.js";

interface Case {
  readonly name: string;
  readonly path: string;
  readonly content: string;
  readonly valid: boolean;
  readonly import: string;
  readonly after_base_import?: true;
}

/** What LUCI's validator lets pass and its importer then chokes on: ours says it at once. */
const refusedEarlier: Record<string, RegExp> = {
  "ca-cn-empty": /tokenserver\.cfg:1:1: cn is empty/,
  "ca-cn-mismatch": /tokenserver\.cfg:2:3: .*"Example Fleet CA"/,
  "ca-no-file": /tokenserver\.cfg:3:3: .*cas\/absent\.pem/,
  "ca-two-good-one-bad": /tokenserver\.cfg:8:3: .*cas\/absent\.pem/,
};

/** Who owns which id once the usual policy was imported. */
const owners = new Map([
  [42n, "Example Fleet CA"],
  [43n, "Example No CRL CA"],
]);

describeWithVectors("tokenserver.cfg as LUCI's validator and importer", () => {
  const { cases } = readJsonVector<{ cases: Case[] }>("config/cases.json");
  const named = (prefix: string) => cases.filter(({ name }) => name.startsWith(prefix));

  /** The errors that a policy has; none if it is taken. */
  async function errorsOf(source: PolicySource, context = {}): Promise<string> {
    try {
      await compilePolicy(source, context);
      return "";
    } catch (error) {
      if (error instanceof PolicyError) return error.message;
      throw error;
    }
  }

  it.each(named("ca-"))("$name", async ({ name, content, valid, import: imported, after_base_import: isLater }) => {
    const read = (path: string) => (path === "tokenserver.cfg" ? Promise.resolve(content) : vectorPolicy.read(path));
    const errors = await errorsOf({ read }, isLater ? { owners } : {});
    const reason = refusedEarlier[name];
    if (reason) expect(errors).toMatch(reason);
    else expect(errors === "", errors).toBe(valid);
    // What the importer refuses is refused, whoever of LUCI's two lets it pass.
    if (imported !== "ok") expect(errors).toMatch(/^tokenserver\.cfg:\d+:\d+: /m);
  });

  it.each(named("cert-"))("$name", async ({ name, content, valid }) => {
    const cn = name === "cert-no-cert-sign" ? "Example No Cert Sign CA" : "Example Fleet CA";
    const entry = `certificate_authority { cn: "${cn}" cert_path: "ca.pem" unique_id: 1 }`;
    const errors = await errorsOf(policyOfFiles({ "tokenserver.cfg": entry, "ca.pem": content }));
    expect(errors === "", errors).toBe(valid);
  });
});
