import { damaged, damagedText, fuzz, orRefused } from "fuzz";
import { describe, expect, it } from "vitest";
import { parseCertificate, parseCertificatePem } from "./certificate.js";
import { checkCertificate } from "./check-certificate.js";
import { checkCrl } from "./check-crl.js";
import { decodeCrl, parseCrl } from "./crl-document.js";
import { indexEntries } from "./crl-entries.js";
import { CertificateError, CrlError, MalformedInput } from "./errors.js";
import { readPemBlocks } from "./pem.js";
import { basicConstraints, issuingDistributionPoint, keyUsage, TestCa } from "./testing.js";
import { toPem } from "./x509.js";

const ca = TestCa.create("Fleet CA");
const anchor = parseCertificate(ca.certificate);
const now = Date.parse("2026-06-01T12:00:00Z") / 1000;
const leaf = ca.issue("host.example.com", { extensions: [basicConstraints(false), keyUsage("digitalSignature")] });
const list = ca.crl({ revoked: [1, 0x8000n, (1n << 160n) - 1n], number: 7 });
const partitioned = ca.crl({ revoked: [1], extensions: [issuingDistributionPoint("url")] });
const markers = ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "\n", "=", "A"];

describe("whatever the bytes, readers refuse with their own errors", () => {
  it("a certificate: none but the one that its CA signed is trusted", () => {
    fuzz(damaged(leaf.certificate), (bytes) => {
      const certificate = orRefused(() => parseCertificate(bytes), MalformedInput);
      if (!certificate) return;
      const trust = { anchors: [anchor], intermediates: [], policy: {} };
      const checked = orRefused(() => checkCertificate(certificate, trust, now), CertificateError);
      expect(checked === undefined).toBe(!bytes.equals(leaf.certificate));
    });
  });

  it("a certificate in PEM", () => {
    fuzz(damagedText([toPem("CERTIFICATE", leaf.certificate)], markers), (text) => {
      const certificate = orRefused(() => parseCertificatePem(text), MalformedInput);
      orRefused(() => readPemBlocks(text), MalformedInput);
      if (certificate) expect(certificate.der.length).toBeGreaterThan(100);
    });
  });

  it("a revocation list: none but the one that its CA signed is taken", () => {
    fuzz(damaged(list, partitioned), (bytes) => {
      const decoded = orRefused(() => decodeCrl(bytes), MalformedInput);
      const crl = decoded && orRefused(() => parseCrl(decoded), MalformedInput, CrlError);
      if (!crl) return;
      orRefused(() => indexEntries(crl), MalformedInput, CrlError);
      const isGood = () => (checkCrl(crl, [anchor], now), true);
      expect(orRefused(isGood, CrlError) ?? false).toBe(bytes.equals(list));
    });
  });
});
