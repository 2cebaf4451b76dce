import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { verdictOf } from "../test/verdict.js";
import { type Certificate, parseCertificate } from "./certificate.js";
import type { CertificateTrust } from "./certificate-trust.js";
import { checkCertificate } from "./check-certificate.js";
import { CertificateError } from "./errors.js";
import { basicConstraints, type Issued, keyUsage, name, TestCa } from "./testing.js";

const now = Date.parse("2026-06-01T12:00:00Z") / 1000;
const dates = { notBefore: new Date("2026-01-01T00:00:00Z"), notAfter: new Date("2027-01-01T00:00:00Z") };
const root = TestCa.create("Test CA");
const leaf = parseCertificate(root.issue("h.example.com", dates).certificate);

const trusting = (ca: Issued, more: Partial<CertificateTrust> = {}): CertificateTrust => ({
  anchors: [parseCertificate(ca.certificate)],
  intermediates: [],
  policy: {},
  ...more,
});
const verdict = (certificate: Certificate, ca: Issued, at = now) =>
  verdictOf(() => checkCertificate(certificate, trusting(ca), at));
const issuedBy = (ca: TestCa) => parseCertificate(ca.issue("h.example.com").certificate);

describe("checkCertificate", () => {
  it("trusts what the CA issued, from the first to the last second", () => {
    const [first, last] = [leaf.notBeforeSeconds, leaf.notAfterSeconds];
    expect([first, now, last].map((at) => verdict(leaf, root, at))).toEqual(["trusted", "trusted", "trusted"]);
    expect(verdict(leaf, root, first - 0.001)).toBe("NOT_YET_VALID");
    expect(verdict(leaf, root, last + 0.001)).toBe("EXPIRED");
    expect(verdict(leaf, root, Number.NaN)).toBe("EXPIRED");
  });

  it("says by which path it trusts", () => {
    const trust = trusting(root);
    expect(checkCertificate(leaf, trust, now)).toEqual({ path: [leaf, ...trust.anchors], reports: [] });
  });

  it("trusts nothing once a single byte is changed", () => {
    for (let place = 0; place < leaf.der.length; place++) {
      const der = Buffer.from(leaf.der);
      der[place] = (der[place] ?? 0) ^ 0x20;
      let changed: Certificate;
      try {
        changed = parseCertificate(der);
      } catch {
        continue;
      }
      expect(verdict(changed, root)).not.toBe("trusted");
    }
  });

  it("knows the CA by its whole name, and by its common name alone to say what is wrong", () => {
    const other = TestCa.create(name("O=Other", "CN=Test CA"), { privateKey: root.privateKey });
    const stranger = TestCa.create("Stranger", { privateKey: root.privateKey });
    expect(verdict(leaf, other)).toBe("PROFILE issuer_name");
    expect(verdict(leaf, stranger)).toBe("UNKNOWN_CA");
    expect(verdict(leaf, TestCa.create(name("CN=Test CA", "CN=x"), { privateKey: root.privateKey }))).toBe(
      "UNKNOWN_CA",
    );
    expect(verdict(issuedBy(TestCa.create(name("O=Example", "OU=No common name"))), root)).toBe("UNKNOWN_CA");
  });

  it("takes names of other string types and spellings for the same (RFC 5280 §7.1)", () => {
    const ca = TestCa.create("test  ca ", { privateKey: root.privateKey });
    expect(verdict(leaf, ca)).toBe("trusted");
    const unnamed = TestCa.create(name("O=Example", "OU=No common name"));
    expect(verdict(issuedBy(unnamed), unnamed)).toBe("trusted");
  });

  it("believes in no issuer without a name", () => {
    const nobody = TestCa.create(name());
    expect(verdict(issuedBy(nobody), nobody)).toBe("UNKNOWN_CA");
  });

  it.each<[string, () => TestCa]>([
    ["is no CA", () => TestCa.create("a", { extensions: [basicConstraints(false), keyUsage("keyCertSign")] })],
    ["says nothing of being a CA", () => TestCa.create("a", { extensions: [keyUsage("keyCertSign")] })],
    ["is of version 1", () => TestCa.create("a", { version: 1, extensions: [] })],
    [
      "may not sign certificates",
      () => TestCa.create("a", { extensions: [basicConstraints(true), keyUsage("cRLSign")] }),
    ],
  ])("refuses an issuer that %s", (_, make) => {
    const ca = make();
    expect(verdict(issuedBy(ca), ca)).toBe("BAD_SIGNATURE");
  });

  it("takes a CA without key usage: it allows any use", () => {
    const ca = TestCa.create("a", { extensions: [basicConstraints(true)] });
    expect(verdict(issuedBy(ca), ca)).toBe("trusted");
  });

  it("refuses another key's signature under the CA's name, and algorithms that can be collided", () => {
    const impostor = TestCa.create("Test CA");
    expect(verdict(issuedBy(impostor), root)).toBe("BAD_SIGNATURE");
    const sha1 = root.issue("h.example.com", { hash: "sha1" });
    expect(verdict(parseCertificate(sha1.certificate), root)).toBe("BAD_SIGNATURE");
  });

  it.each([
    ["Ed25519", () => generateKeyPairSync("ed25519").privateKey],
    ["P-384", () => generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey],
    ["RSA", () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey],
  ])("checks signatures of %s", (_, make) => {
    const ca = TestCa.create("a", { privateKey: make() });
    const good = issuedBy(ca);
    expect(verdict(good, ca)).toBe("trusted");
    const signature = Buffer.from(good.signature);
    signature[20] = (signature[20] ?? 0) ^ 1;
    expect(verdict({ ...good, signature }, ca)).toBe("BAD_SIGNATURE");
    expect(verdict({ ...good, signatureAlgorithm: leaf.signatureAlgorithm, tbs: leaf.tbs }, ca)).toBe("BAD_SIGNATURE");
  });

  it("asks about the revocation of every certificate but the topmost, after the signatures", () => {
    const middle = root.intermediate("Middle");
    const certificate = issuedBy(middle);
    const asked: string[][] = [];
    const trust = trusting(root, {
      intermediates: [parseCertificate(middle.certificate)],
      revocation: (path) => void asked.push(path.map(({ subject }) => subject.commonNames.join())),
    });
    checkCertificate(certificate, trust, now);
    expect(asked).toEqual([
      ["h.example.com", "Middle", "Test CA"],
      ["Middle", "Test CA"],
    ]);
    const revoked = trusting(root, {
      revocation: () => {
        throw new CertificateError("REVOKED", "it is");
      },
    });
    expect(verdictOf(() => checkCertificate(leaf, revoked, now))).toBe("REVOKED");
    expect(verdictOf(() => checkCertificate(issuedBy(TestCa.create("Test CA")), revoked, now))).toBe("BAD_SIGNATURE");
  });
});
