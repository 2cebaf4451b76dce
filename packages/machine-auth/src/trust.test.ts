import { generateKeyPairSync } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { certificatePemOf, certificatesDocument } from "../test/token-issuer.js";
import { TrustUnavailable } from "./errors.js";
import { trustFromCertificates } from "./trust.js";

const account = "minter@example.com";
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
});
