import { describe, expect, it } from "vitest";
import { type Certificate, parseCertificate } from "./certificate.js";
import type { CertificateTrust } from "./certificate-trust.js";
import { checkCertificate } from "./check-certificate.js";
import { CertificateError } from "./errors.js";
import { distributionPoints, TestCa } from "./testing.js";

const day = (text: string) => new Date(`${text}T00:00:00Z`);
const seconds = (text: string) => day(text).getTime() / 1000;
const NOW = seconds("2026-06-01");

const root = TestCa.create("Root", { notAfter: day("2030-01-01") });
const below = root.intermediate("Below", { notBefore: day("2026-01-01"), notAfter: day("2027-01-01") });
const machine = below.issue("host.example.com", { notBefore: day("2026-02-01") });
const [anchor, intermediate] = [root, below].map(({ certificate }) => parseCertificate(certificate));

const trust = (changes: Partial<CertificateTrust> = {}): CertificateTrust => ({
  anchors: anchor ? [anchor] : [],
  intermediates: intermediate ? [intermediate] : [],
  policy: {},
  ...changes,
});

/** A certificate that was found to be good. */
function proven(under: CertificateTrust): Certificate {
  const leaf = parseCertificate(machine.certificate);
  checkCertificate(leaf, under, NOW);
  return leaf;
}

const code = (leaf: Certificate, under: CertificateTrust, now = NOW) => {
  try {
    checkCertificate(leaf, under, now);
    return "good";
  } catch (error) {
    if (error instanceof CertificateError) return error.policy ?? error.code;
    throw error;
  }
};

describe("a certificate that was good before", () => {
  it("is good again, and by the same path", () => {
    const under = trust();
    const leaf = proven(under);
    const again = checkCertificate(leaf, under, NOW + 1);
    expect(again.path).toEqual([leaf, intermediate, anchor]);
    expect(checkCertificate(leaf, { ...under }, NOW + 2)).toBe(again);
    const withLists = trust({ revocation: () => undefined });
    const first = checkCertificate(leaf, withLists, NOW);
    expect(checkCertificate(leaf, withLists, NOW)).toBe(first);
  });

  it.each<[string, string, string]>([
    ["its own time has not come", "2026-01-15", "NOT_YET_VALID"],
    ["a CA's time is over", "2027-01-02", "ca_validity"],
    ["its own time is over", "2049-02-01", "EXPIRED"],
  ])("is not when %s", (_why, date, expected) => {
    const under = trust();
    const leaf = proven(under);
    expect(code(leaf, under, seconds(date))).toBe(expected);
    expect(code(leaf, under, Number.NaN)).not.toBe("good");
    expect(code(leaf, under)).toBe("good");
  });

  it("is not good in a changed copy", () => {
    const under = trust();
    const leaf = proven(under);
    expect(code({ ...leaf, signature: leaf.signature.map((byte) => byte ^ 1) }, under)).toBe("BAD_SIGNATURE");
    expect(code({ ...leaf }, under)).toBe("good");
  });

  it("is not when a CA of its path is no longer trusted, in another list or gone from the same one", () => {
    const anchors = [...trust().anchors];
    const under = trust({ anchors });
    const leaf = proven(under);
    expect(code(leaf, { ...under, intermediates: [] })).toBe("UNKNOWN_CA");
    expect(code(leaf, { ...under, anchors: [parseCertificate(TestCa.create("Root").certificate)] })).toBe(
      "BAD_SIGNATURE",
    );
    anchors.pop();
    expect(code(leaf, under)).toBe("UNKNOWN_CA");
  });

  it("is not when it or a CA of its path was revoked meanwhile", () => {
    const revoked = new Set<Certificate>();
    const revocation: CertificateTrust["revocation"] = ([certificate]) => {
      if (revoked.has(certificate)) throw new CertificateError("REVOKED", "revoked");
    };
    const under = trust({ revocation });
    const leaf = proven(under);
    for (const certificate of [leaf, intermediate]) {
      if (certificate) revoked.add(certificate);
      expect(code(leaf, under)).toBe("REVOKED");
      revoked.clear();
    }
    expect(code(leaf, under)).toBe("good");
  });

  it("is looked at anew under another policy, and when revocation comes to count", () => {
    const weak = below.issue("host.example.com", { extensions: [], serial: 2n ** 180n });
    const leaf = parseCertificate(weak.certificate);
    const lenient = trust({ policy: { serial_length: "report" } });
    expect(checkCertificate(leaf, lenient, NOW).reports).toHaveLength(1);
    expect(checkCertificate(leaf, lenient, NOW).reports).toHaveLength(1);
    expect(code(leaf, trust())).toBe("serial_length");
    const revocation = () => {
      throw new CertificateError("CRL_NOT_READY", "none");
    };
    expect(code(leaf, { ...lenient, revocation })).toBe("CRL_NOT_READY");
    const elsewhere = below.issue("host.example.com", {
      extensions: [distributionPoints({ url: "http://a/", crlIssuer: "CN=B" })],
    });
    const foreign = parseCertificate(elsewhere.certificate);
    const under = trust();
    expect(code(foreign, under)).toBe("good");
    expect(code(foreign, { ...under, revocation: () => undefined })).toBe("crl_issuer");
  });

  it("is good by another path when the one that was found is revoked", () => {
    const crossed = root.intermediate("Below", { privateKey: below.privateKey });
    const pool = [below, crossed].map(({ certificate }) => parseCertificate(certificate));
    const revoked = new Set<Certificate>();
    const revocation: CertificateTrust["revocation"] = ([certificate]) => {
      if (revoked.has(certificate)) throw new CertificateError("REVOKED", "revoked");
    };
    const under = trust({ intermediates: pool, policy: {}, revocation });
    const leaf = parseCertificate(machine.certificate);
    for (const issuer of pool) {
      expect(checkCertificate(leaf, under, NOW).path[1]).toBe(issuer);
      revoked.add(issuer);
    }
    expect(code(leaf, under)).toBe("REVOKED");
  });

  it("passes a bug on that looking for its revocation has, once", () => {
    let bugs = 0;
    const revocation = () => {
      if (bugs-- > 0) throw new TypeError("a bug");
    };
    const under = trust({ revocation });
    const leaf = proven(under);
    bugs = 1;
    expect(() => checkCertificate(leaf, under, NOW)).toThrow(TypeError);
    expect(code(leaf, under)).toBe("good");
  });

  it("is looked at anew where the policy overlooks dates", () => {
    const under = trust({ policy: { ca_validity: "report" } });
    const leaf = proven(under);
    expect(checkCertificate(leaf, under, seconds("2027-02-01")).reports).toHaveLength(1);
    expect(checkCertificate(leaf, under, NOW).reports).toHaveLength(0);
    const early = below.issue("host.example.com", { notBefore: day("2020-01-01") });
    const before = parseCertificate(early.certificate);
    expect(checkCertificate(before, under, seconds("2025-06-01")).reports).toHaveLength(1);
    expect(checkCertificate(before, under, NOW).reports).toHaveLength(0);
  });
});
