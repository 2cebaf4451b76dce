import { generateKeyPairSync } from "node:crypto";
import { TestCa } from "@tokens/pki/testing";
import { toPem } from "@tokens/pki/x509";
import { beforeAll, describe, expect, it } from "vitest";
import { certificatePemOf, certificatesDocument } from "../test/token-issuer.js";
import { TrustUnavailable } from "./errors.js";
import { trustFromCertificates as readCertificates } from "./certificates-document.js";
import { readPinnedCa } from "./pinned-ca.js";
import type { TrustDemands } from "./trust.js";

const account = "minter@example.com";
const nowMs = Date.parse("2026-06-01T12:00:00Z");
const trustFromCertificates = (document: string, demands: Partial<TrustDemands> = {}) =>
  readCertificates(document, { nowMs, ...demands });
let pem: string;
beforeAll(async () => {
  pem = await certificatePemOf(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);
});

const keysOf = (document: string) => [...(trustFromCertificates(document).issuers.get(account)?.keys() ?? [])];

describe("trustFromCertificates", () => {
  it("reads the keys of an account by their ids", () => {
    const document = certificatesDocument(account, [
      { name: "a", pem },
      { name: "b", pem },
    ]);
    expect(keysOf(document)).toEqual(["a", "b"]);
  });

  it("takes the first of two keys with one name", () => {
    const first = trustFromCertificates(
      certificatesDocument(account, [
        { name: "a", pem },
        { name: "a", pem: "" },
      ]),
    );
    expect(first.issuers.get(account)?.get("a")).toBeDefined();
  });

  it.each<[string, string]>([
    ["no JSON", "{"],
    ["a list", "[]"],
    ["a number", "1"],
    ["no account", JSON.stringify({ certificates: [] })],
    ["an account that is no text", JSON.stringify({ service_account_name: 1, certificates: [] })],
    ["no list", JSON.stringify({ service_account_name: account })],
    ["a list that is none", JSON.stringify({ service_account_name: account, certificates: {} })],
    ["an entry that is none", JSON.stringify({ service_account_name: account, certificates: [1] })],
    [
      "an entry without a certificate",
      JSON.stringify({ service_account_name: account, certificates: [{ key_name: "a" }] }),
    ],
    ["a fraction as its time", JSON.stringify({ service_account_name: account, certificates: [], timestamp: 1.5 })],
    [
      "more than a megabyte",
      JSON.stringify({ service_account_name: account, certificates: [], more: "x".repeat(2 ** 20) }),
    ],
  ])("refuses a document with %s", (_name, document) => {
    expect(() => trustFromCertificates(document)).toThrow(TrustUnavailable);
    expect(() => trustFromCertificates(document)).toThrow(expect.objectContaining({ code: "BAD_DOCUMENT" }) as Error);
  });

  it("refuses the document of another account than the one that is asked for", () => {
    const document = certificatesDocument("other@example.com", [{ name: "a", pem }]);
    expect(() => trustFromCertificates(document, { issuer: account })).toThrow("other@example.com");
  });

  it.each<[string, () => Promise<string> | string]>([
    ["RSA-1024", () => certificatePemOf(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey)],
    [
      "RSA with exponent 3",
      () => certificatePemOf(generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 }).privateKey),
    ],
    ["no PEM", () => "hello"],
    [
      "bytes behind the certificate",
      () =>
        pem.replace(
          /(\S+)(\n-----END)/,
          (_all, last: string, end: string) =>
            `${Buffer.concat([Buffer.from(last, "base64"), Buffer.of(1)]).toString("base64")}${end}`,
        ),
    ],
    ["PEM that is no certificate", () => "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
  ])("leaves out a key that must not be used: %s", async (_name, make) => {
    const document = certificatesDocument(account, [
      { name: "weak", pem: await make() },
      { name: "good", pem },
    ]);
    expect(keysOf(document)).toEqual(["good"]);
  });

  it("leaves out a key with an endless name", () => {
    expect(keysOf(certificatesDocument(account, [{ name: "a".repeat(65), pem }]))).toEqual([]);
  });

  it("leaves out keys that a pinned CA did not certify, or no longer vouches for", () => {
    const rsa = () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    const [ca, other] = [TestCa.create("Signing CA"), TestCa.create("Signing CA")];
    const certificateOf = (by: TestCa, changes = {}) =>
      toPem("CERTIFICATE", by.issue("Signer", { privateKey: rsa(), ...changes }).certificate);
    const document = certificatesDocument(account, [
      { name: "good", pem: certificateOf(ca) },
      { name: "self-signed", pem },
      { name: "of another CA with the same name", pem: certificateOf(other) },
      { name: "expired", pem: certificateOf(ca, { notAfter: new Date("2026-01-01") }) },
    ]);
    const pinnedCa = readPinnedCa(toPem("CERTIFICATE", ca.certificate));
    expect([...(trustFromCertificates(document, { pinnedCa }).issuers.get(account)?.keys() ?? [])]).toEqual(["good"]);
    expect(keysOf(document)).toHaveLength(4);
  });
});
