import { expect, it } from "vitest";
import { describeWithVectors, readJsonVector, readVector } from "shared-vectors";
import { TokenRejected, TrustUnavailable } from "./errors.js";
import { encodeMachineToken, encodeMachineTokenBody, decodeUnverifiedMachineToken } from "./machine-token.js";
import { trustFromDocument } from "./trust-document.js";
import { verifyMachineToken } from "./verify-machine-token.js";

interface Check {
  at: string;
  at_unix: number;
  verdict: "accepted" | "rejected" | "transient" | "not_applicable";
  identity?: string;
  machine?: { fqdn: string; ca_id: number; cert_sn_hex: string };
}

interface Case {
  name: string;
  group: string;
  bundle?: string;
  token: string;
  body_hex?: string;
  envelope_hex?: string;
  checks: Check[];
}

interface Vectors {
  certificates: string;
  issuer: string;
  cases: Case[];
}

const oneText = "a token has exactly one text: its base64 is canonical";
const oneEncoding = "a token has exactly one encoding: no field is unknown, repeated, misplaced or padded";
const aDay = "tokens that live longer than a day are refused";
const exactIssuer = "issuers are compared exactly";

/** Where ours says no, or gives another reason to try later, and LUCI says something else. Each is stricter, and why. */
const differences: Record<string, [code: string, reason: string]> = {
  "lifetime-century": ["MALFORMED", aDay],
  "lifetime-2^33-wrap": ["MALFORMED", aDay],
  "lifetime-2^63": ["MALFORMED", aDay],
  "lifetime-max": ["MALFORMED", aDay],
  "issued-0-century": ["MALFORMED", aDay],
  "issued-max": ["MALFORMED", "times are integers that JavaScript holds exactly"],
  "issued-max-century": ["MALFORMED", "times are integers that JavaScript holds exactly"],
  "trailing-lf": ["MALFORMED", oneText],
  "leading-crlf": ["MALFORMED", oneText],
  "inner-cr": ["MALFORMED", oneText],
  "leftover-bits-2": ["MALFORMED", oneText],
  "envelope-unknown-varint": ["MALFORMED", oneEncoding],
  "envelope-unknown-fixed32": ["MALFORMED", oneEncoding],
  "envelope-unknown-fixed64": ["MALFORMED", oneEncoding],
  "envelope-unknown-first": ["MALFORMED", oneEncoding],
  "envelope-unknown-max-number": ["MALFORMED", oneEncoding],
  "envelope-unknown-bad-utf8": ["MALFORMED", oneEncoding],
  "envelope-order-reversed": ["MALFORMED", oneEncoding],
  "envelope-body-twice-same": ["MALFORMED", oneEncoding],
  "envelope-key-id-twice": ["MALFORMED", oneEncoding],
  "envelope-signature-twice": ["MALFORMED", oneEncoding],
  "envelope-length-padded": ["MALFORMED", oneEncoding],
  "envelope-tag-padded": ["MALFORMED", oneEncoding],
  "envelope-tag-padded-5": ["MALFORMED", oneEncoding],
  "envelope-key-id-as-varint": ["MALFORMED", oneEncoding],
  "envelope-signature-as-fixed64": ["MALFORMED", oneEncoding],
  "body-reserved-6": ["MALFORMED", oneEncoding],
  "body-fqdn-twice": ["MALFORMED", oneEncoding],
  "body-issued-at-twice": ["MALFORMED", oneEncoding],
  "body-order-reversed": ["MALFORMED", oneEncoding],
  "body-issued-at-padded": ["MALFORMED", oneEncoding],
  "issuer-upper": ["UNKNOWN_ISSUER", exactIssuer],
  "order-expired-and-no-certificates": ["BAD_DOCUMENT", "known before any token is looked at"],
};

/** Verdicts that LUCI gives and ours may give too, in LUCI's words. */
const kindOf = (code: string) =>
  ({ accepted: "accepted", BAD_DOCUMENT: "transient", absent: "not_applicable" })[code] ?? "rejected";

/** A double holds Unix seconds to less than a microsecond: nanoseconds move away from the whole second. */
function secondsOf(at: string): number {
  const [, whole = "", fraction = ""] = /^(.{19})(?:\.(\d+))?Z$/.exec(at) ?? [];
  const nanos = Number(fraction.padEnd(9, "0"));
  const micros = nanos > 500_000_000 ? Math.floor(nanos / 1000) : Math.ceil(nanos / 1000);
  return Date.parse(`${whole}Z`) / 1000 + micros / 1_000_000;
}

describeWithVectors("the verdicts of LUCI's checker", () => {
  const vectors = readJsonVector<Vectors>("machine-token/cases.json");

  /** Our verdict and what a handler gets to see. */
  function verdictOf({ bundle, token }: Case, { at }: Check) {
    if (token === "") return { code: "absent" };
    try {
      const document = readVector(bundle ? `machine-token/${bundle}` : vectors.certificates).toString("utf8");
      const trust = trustFromDocument(document, { issuer: vectors.issuer });
      const { identity, machineFqdn, caId, certSn } = verifyMachineToken(token, trust, { now: secondsOf(at) });
      const machine = { fqdn: machineFqdn, ca_id: Number(caId), cert_sn_hex: certSn };
      return { code: "accepted", identity, machine };
    } catch (error) {
      if (error instanceof TokenRejected || error instanceof TrustUnavailable) return { code: error.code };
      throw error;
    }
  }

  const rows = vectors.cases.flatMap((each) =>
    each.checks.map((check) => ({ name: each.name, at: check.at, each, check })),
  );
  it.each(rows)("$name at $at", ({ each, check }) => {
    const { code, ...seen } = verdictOf(each, check);
    const difference = differences[each.name];
    if (difference && check.verdict !== kindOf(code)) {
      expect(code).toBe(difference[0]);
      expect(kindOf(code)).not.toBe("accepted");
      return;
    }
    expect(kindOf(code)).toBe(check.verdict);
    if (check.verdict === "accepted") expect(seen).toEqual({ identity: check.identity, machine: check.machine });
  });

  it("has no difference in its list that does not occur", () => {
    const differs = ({ name, ...each }: Case) =>
      each.checks.some((check) => kindOf(verdictOf({ name, ...each }, check).code) !== check.verdict);
    const found = vectors.cases.filter(differs).map((each) => each.name);
    expect(found.toSorted()).toEqual(Object.keys(differences).toSorted());
  });

  it("writes the bytes that LUCI writes", () => {
    for (const { name, token, body_hex: body, envelope_hex: envelope } of vectors.cases) {
      if (body === undefined || envelope === undefined || name in differences) continue;
      const verdict = verdictOf(
        { name, token, group: "", checks: [] },
        { at: "2026-06-01T12:00:00Z", at_unix: 0, verdict: "accepted" },
      );
      if (verdict.code === "MALFORMED") continue;
      const unverified = decodeUnverifiedMachineToken(token);
      expect(Buffer.from(encodeMachineTokenBody(unverified.body)).toString("hex")).toBe(body);
      expect(encodeMachineToken(unverified)).toBe(Buffer.from(envelope, "hex").toString("base64").replaceAll("=", ""));
    }
  });
});
