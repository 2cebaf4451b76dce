import { generateKeyPairSync, sign } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { describeWithVectors, readVector } from "shared-vectors";
import { type Certificate, parseCertificate, parseCertificatePem } from "./certificate.js";
import { checkCertificate } from "./check-certificate.js";
import { CertificateError } from "./errors.js";
import { createCertificateAuthority, issueMachineCertificate } from "./x509.js";

const now = Date.parse("2026-06-01T12:00:00Z") / 1000;
const dates = { notBefore: new Date("2026-01-01T00:00:00Z"), notAfter: new Date("2027-01-01T00:00:00Z") };
let ca: Certificate;
let leaf: Certificate;
beforeAll(async () => {
  const authority = await createCertificateAuthority({ commonName: "Test CA", ...dates });
  ca = parseCertificate(authority.certificate);
  leaf = parseCertificate(
    (await issueMachineCertificate(authority, { commonName: "h.example.com", ...dates })).certificate,
  );
});

/** The verdict in one word: "trusted", or the code, with the name of the check after PROFILE. */
function verdict(certificate: Certificate, issuer: Certificate, at = now): string {
  try {
    checkCertificate(certificate, issuer, at);
    return "trusted";
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return error.policy === undefined ? error.code : `${error.code} ${error.policy}`;
  }
}

describe("checkCertificate", () => {
  it("trusts what the CA issued, up to the last second", () => {
    const [first, last] = [leaf.notBeforeSeconds, leaf.notAfterSeconds];
    expect([first, now, last].map((at) => verdict(leaf, ca, at))).toEqual(["trusted", "trusted", "trusted"]);
    expect(verdict(leaf, ca, first - 0.001)).toBe("NOT_YET_VALID");
    expect(verdict(leaf, ca, last + 0.001)).toBe("EXPIRED");
    expect(verdict(leaf, ca, Number.NaN)).toBe("EXPIRED");
  });

  it("trusts nothing once a single byte is changed", () => {
    for (let place = 0; place < leaf.der.length; place += 7) {
      const der = Buffer.from(leaf.der);
      der[place] = (der[place] ?? 0) ^ 0x20;
      let changed: Certificate;
      try {
        changed = parseCertificate(der);
      } catch {
        continue;
      }
      expect(verdict(changed, ca)).not.toBe("trusted");
    }
  });

  const edited = (base: () => Certificate, edit: Partial<Certificate>) => () => ({ ...base(), ...edit });
  const theLeaf = () => leaf;
  const theCa = () => ca;
  const rsa = (modulusBits: number, exponent: bigint) => ({ kind: "rsa" as const, modulusBits, exponent, jwk: {} });
  const names = (...commonNames: string[]) => ({
    der: Buffer.from(commonNames.join()),
    relativeNames: [],
    commonNames,
  });

  it.each<[string, string, () => Certificate, () => Certificate]>([
    ["another issuer's common name", "UNKNOWN_CA", edited(theLeaf, { issuer: names("Other") }), theCa],
    ["two common names of the issuer", "UNKNOWN_CA", edited(theLeaf, { issuer: names("Test CA", "x") }), theCa],
    [
      "another name around the common name",
      "PROFILE issuer_name",
      edited(theLeaf, { issuer: { ...names("Test CA"), relativeNames: [[]] } }),
      theCa,
    ],
    ["an issuer that is no CA", "BAD_SIGNATURE", theLeaf, edited(theCa, { isCa: false })],
    [
      "a CA that may not sign certificates",
      "BAD_SIGNATURE",
      theLeaf,
      edited(theCa, { keyUsage: new Set(["cRLSign"] as const) }),
    ],
    ["an algorithm that is not allowed", "BAD_SIGNATURE", edited(theLeaf, { signatureAlgorithm: undefined }), theCa],
    [
      "an algorithm for keys of another kind",
      "BAD_SIGNATURE",
      edited(theLeaf, { signatureAlgorithm: { name: "x", keyKind: "ec", hash: "sha256", pss: false } }),
      theCa,
    ],
    ["a CA key of 1024 bits", "PROFILE ca_key", theLeaf, edited(theCa, { publicKey: rsa(1024, 65537n) })],
    ["a CA key of 16384 bits", "PROFILE ca_key", theLeaf, edited(theCa, { publicKey: rsa(16384, 65537n) })],
    ["a CA key with exponent 1", "PROFILE ca_key", theLeaf, edited(theCa, { publicKey: rsa(2048, 1n) })],
    ["a CA key with exponent 3", "PROFILE ca_key", theLeaf, edited(theCa, { publicKey: rsa(2048, 3n) })],
    ["a CA key with an even exponent", "PROFILE ca_key", theLeaf, edited(theCa, { publicKey: rsa(2048, 65538n) })],
    [
      "a CA key of an unknown kind",
      "PROFILE ca_key",
      theLeaf,
      edited(theCa, { publicKey: { kind: "other", algorithm: "x" } }),
    ],
    ["a CA that has expired", "PROFILE ca_validity", theLeaf, edited(theCa, { notAfterSeconds: now - 1 })],
    ["a CA that is not valid yet", "PROFILE ca_validity", theLeaf, edited(theCa, { notBeforeSeconds: now + 1 })],
    ["a certificate that is a CA", "PROFILE leaf_is_ca", edited(theLeaf, { isCa: true }), theCa],
    ["name constraints", "PROFILE name_constraints", theLeaf, edited(theCa, { hasNameConstraints: true })],
    [
      "an unknown critical extension",
      "PROFILE critical_extension",
      edited(theLeaf, { unknownCritical: ["1.2.3"] }),
      theCa,
    ],
    ["one in the CA", "PROFILE critical_extension", theLeaf, edited(theCa, { unknownCritical: ["1.2.3"] })],
    [
      "no digital signatures",
      "PROFILE key_usage",
      edited(theLeaf, { keyUsage: new Set(["keyCertSign"] as const) }),
      theCa,
    ],
    [
      "another extended use",
      "PROFILE extended_key_usage",
      edited(theLeaf, { extendedKeyUsage: ["1.3.6.1.5.5.7.3.3"] }),
      theCa,
    ],
    ["no extended use at all", "PROFILE extended_key_usage", edited(theLeaf, { extendedKeyUsage: [] }), theCa],
    [
      "a serial number of 21 octets",
      "PROFILE serial_length",
      edited(theLeaf, { serialMagnitude: new Uint8Array(21) }),
      theCa,
    ],
    ["a weak key", "PROFILE leaf_key", edited(theLeaf, { publicKey: rsa(1024, 65537n) }), theCa],
  ])("refuses %s", (_, expected, certificate, issuer) => {
    expect(verdict(certificate(), issuer())).toBe(expected);
  });

  it.each<[string, Partial<Certificate>]>([
    ["no key usage", { keyUsage: undefined }],
    ["no extended key usage", { extendedKeyUsage: undefined }],
    ["use as a server", { extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"] }],
    ["any use", { extendedKeyUsage: ["1.3.6.1.5.5.7.3.3", "2.5.29.37.0"] }],
    ["a serial number of 20 octets", { serialMagnitude: new Uint8Array(20) }],
    ["a P-256 key", { publicKey: { kind: "ec", curve: "P-256", jwk: {} } }],
  ])("trusts a certificate with %s", (_, edit) => {
    expect(verdict({ ...leaf, ...edit }, ca)).toBe("trusted");
  });

  it("checks ECDSA and Ed25519 signatures of CAs too", () => {
    const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const ed25519 = generateKeyPairSync("ed25519");
    const ec = { name: "x", keyKind: "ec", hash: "sha256", pss: false } as const;
    const ed = { name: "x", keyKind: "ed25519", hash: undefined, pss: false } as const;
    const ecKey = { kind: "ec", curve: "P-256", jwk: p256.publicKey.export({ format: "jwk" }) } as const;
    const edKey = { kind: "ed25519", jwk: ed25519.publicKey.export({ format: "jwk" }) } as const;
    const signed = (signatureAlgorithm: typeof ec | typeof ed, signature: Buffer) => ({
      ...leaf,
      signatureAlgorithm,
      signature,
    });
    const ecLeaf = signed(ec, sign("sha256", leaf.tbs, p256.privateKey));
    const edLeaf = signed(ed, sign(null, leaf.tbs, ed25519.privateKey));
    expect(verdict(ecLeaf, { ...ca, publicKey: ecKey })).toBe("trusted");
    expect(verdict(edLeaf, { ...ca, publicKey: edKey })).toBe("trusted");
    expect(verdict(ecLeaf, { ...ca, publicKey: edKey })).toBe("BAD_SIGNATURE");
    expect(verdict({ ...ecLeaf, signature: edLeaf.signature }, { ...ca, publicKey: ecKey })).toBe("BAD_SIGNATURE");
  });
});

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
    const parsed = parseCertificate(readVector(`pki/machines/${certificate}.der`));
    const authority = parseCertificatePem(readVector(`pki/cas/${issuer}.pem`).toString("utf8"));
    expect(verdict(parsed, authority)).toBe(ours);
  });

  it("never trusts what LUCI does not", () => {
    expect(verdicts.filter(([, , ours, luci]) => ours === "trusted" && luci === "untrusted")).toEqual([]);
  });
});
