import { expect, it } from "vitest";
import { describeWithVectors, readJsonVector, readVector } from "shared-vectors";
import { decodeUnverifiedDelegationToken, encodeDelegationToken } from "./delegation-token.js";
import { TokenRejected } from "./errors.js";
import { trustFromDocument } from "./trust-document.js";
import { verifyDelegationToken } from "./verify-delegation-token.js";

interface Check {
  at: string;
  peer: string;
  service: string;
  verdict: "accepted" | "rejected";
  delegated?: string;
}

interface Case {
  name: string;
  token: string;
  envelope_hex?: string;
  subtoken?: { delegatedIdentity?: string };
  checks: Check[];
}

interface Vectors {
  certificates: string;
  groups: string;
  trusted_signer: string;
  cases: Case[];
}

const oneText = "a token has exactly one text: its base64 is canonical";
const oneEncoding = "a token has exactly one encoding: no field is unknown, repeated or misplaced";

/** Where ours says no and LUCI says yes, and why. */
const differences: Record<string, [code: string, reason: string]> = {
  "subtoken-duration-max": ["MALFORMED", "tokens that live longer than a day are refused"],
  "text-trailing-lf": ["MALFORMED", oneText],
  "wire-unknown-field": ["MALFORMED", oneEncoding],
  "wire-reserved-1": ["MALFORMED", oneEncoding],
  "wire-subtoken-audience-more": ["MALFORMED", oneEncoding],
};

describeWithVectors("the verdicts of LUCI's delegation checker", () => {
  const vectors = readJsonVector<Vectors>("delegation/cases.json");
  const members = readJsonVector<Record<string, string[]>>(vectors.groups);
  const issuer = vectors.trusted_signer.slice("user:".length);
  const trust = trustFromDocument(readVector(vectors.certificates).toString("utf8"), { issuer });
  /** LUCI looks e-mails up in lower case. */
  const groups = (identity: string, group: string) =>
    (members[group] ?? []).includes(identity.startsWith("user:") ? identity.toLowerCase() : identity);

  async function verdictOf(
    { token }: Case,
    { at, peer, service }: Check,
  ): Promise<{ code: string; delegated?: string }> {
    const now = Date.parse(`${at.slice(0, 19)}Z`) / 1000;
    try {
      const delegation = await verifyDelegationToken(token, trust, { now, peer, service, groups });
      return { code: "accepted", delegated: delegation.delegatedIdentity };
    } catch (error) {
      if (error instanceof TokenRejected) return { code: error.code };
      throw error;
    }
  }

  const rows = vectors.cases.flatMap((each) =>
    each.checks.map((check) => ({ name: each.name, ...check, each, check })),
  );
  it.each(rows)("$name at $at from $peer to $service", async ({ each, check }) => {
    const { code, delegated } = await verdictOf(each, check);
    const difference = differences[each.name];
    if (difference && check.verdict === "accepted") {
      expect(code).toBe(difference[0]);
      return;
    }
    expect(code === "accepted" ? "accepted" : "rejected").toBe(check.verdict);
    if (code === "accepted") expect(delegated).toBe(each.subtoken?.delegatedIdentity);
  });

  it("has no difference in its list that does not occur", async () => {
    const found = new Set<string>();
    for (const { each, check } of rows) {
      const { code } = await verdictOf(each, check);
      if (code !== "accepted" && check.verdict === "accepted") found.add(each.name);
    }
    expect([...found].toSorted()).toEqual(Object.keys(differences).toSorted());
  });

  it("writes the bytes that LUCI writes", () => {
    let written = 0;
    for (const { name, token, envelope_hex: hex } of vectors.cases) {
      if (hex === undefined || name.startsWith("text-") || name.startsWith("wire-") || name.startsWith("size-"))
        continue;
      expect(encodeDelegationToken(decodeUnverifiedDelegationToken(token))).toBe(
        Buffer.from(hex, "hex").toString("base64url"),
      );
      written++;
    }
    expect(written).toBeGreaterThan(20);
  });
});
