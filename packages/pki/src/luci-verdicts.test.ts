import { expect, it } from "vitest";
import { describeWithVectors, readVector } from "shared-vectors";
import { parseCertificate, parseCertificatePem } from "./certificate.js";
import type { CertificatePolicy } from "./certificate-trust.js";
import { checkCertificate } from "./check-certificate.js";
import { CERTIFICATE_CHECKS } from "./errors.js";
import { verdictOf } from "../test/verdict.js";

const now = Date.parse("2026-06-01T12:00:00Z") / 1000;

function verdict(certificate: string, issuer: string, policy: CertificatePolicy): string {
  const leaf = parseCertificate(readVector(`pki/machines/${certificate}.der`));
  const anchor = parseCertificatePem(readVector(`pki/cas/${issuer}.pem`).toString("utf8"));
  return verdictOf(() => checkCertificate(leaf, { anchors: [anchor], intermediates: [], policy }, now));
}

const verdicts: [certificate: string, ca: string, ours: string, luci: "trusted" | "untrusted"][] = [
  ["good", "fleet", "trusted", "trusted"],
  ["expired", "fleet", "EXPIRED", "untrusted"],
  ["not-after-now", "fleet", "trusted", "trusted"],
  ["not-before-now", "fleet", "trusted", "trusted"],
  ["not-yet-valid", "fleet", "NOT_YET_VALID", "untrusted"],
  ["ca-no-crl", "no-crl", "trusted", "trusted"],
  ["ca-negative-id", "negative-id", "trusted", "trusted"],
  ["ca-zero-id", "zero-id", "trusted", "trusted"],
  ["ca-p256", "p256", "trusted", "trusted"],
  ["ca-no-cert-sign", "no-cert-sign", "BAD_SIGNATURE", "untrusted"],
  ["ca-impostor", "fleet", "BAD_SIGNATURE", "untrusted"],
  ["ca-intermediate", "fleet", "UNKNOWN_CA", "untrusted"],
  ["signature-sha1", "fleet", "BAD_SIGNATURE", "untrusted"],
  ["signature-sha512", "fleet", "trusted", "trusted"],
  ["signature-pss", "fleet", "trusted", "trusted"],
  ["signature-broken", "fleet", "BAD_SIGNATURE", "untrusted"],
  ["key-4096", "fleet", "trusted", "trusted"],
  ["key-p256", "fleet", "trusted", "trusted"],
  ["key-p384", "fleet", "trusted", "trusted"],
  ["key-ed25519", "fleet", "trusted", "trusted"],
  ["usage-none", "fleet", "trusted", "trusted"],
  ["serial-20-octets", "fleet", "trusted", "trusted"],
  ["serial-0", "fleet", "trusted", "trusted"],
  // Stricter than LUCI's server, each by the check that is named.
  ["ca-expired", "expired", "PROFILE ca_validity", "trusted"],
  ["ca-constrained", "constrained", "PROFILE name_constraints", "trusted"],
  ["ca-path-len", "path-len-0", "PROFILE leaf_is_ca", "trusted"],
  ["issuer-other-organization", "fleet", "PROFILE issuer_name", "trusted"],
  ["critical-extension", "fleet", "PROFILE critical_extension", "trusted"],
  ["usage-cert-sign", "fleet", "PROFILE key_usage", "trusted"],
  ["serial-21-octets", "fleet", "PROFILE serial_length", "trusted"],
  ["key-1024", "fleet", "PROFILE leaf_key", "trusted"],
];

describeWithVectors("certificates that LUCI's server has judged", () => {
  it.each(verdicts)("%s under CA %s: %s (LUCI: %s)", (certificate, issuer, ours) => {
    expect(verdict(certificate, issuer, {})).toBe(ours);
  });

  it.each(verdicts)(
    "%s under CA %s is what LUCI says once every check of ours is off",
    (certificate, issuer, _, luci) => {
      const off = Object.fromEntries(CERTIFICATE_CHECKS.map((name) => [name, "off" as const]));
      expect(verdict(certificate, issuer, off) === "trusted").toBe(luci === "trusted");
    },
  );

  it("never trusts what LUCI does not", () => {
    expect(verdicts.filter(([, , ours, luci]) => ours === "trusted" && luci === "untrusted")).toEqual([]);
  });
});
