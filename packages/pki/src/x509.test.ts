import { createPublicKey, type KeyObject, sign, X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { parseCertificate } from "./certificate.js";
import { generateRsaKey } from "./key-pair.js";
import { type CertificateSigner, createSigningAuthority, issueSigningCertificate } from "./x509.js";

const options = {
  commonName: "tokens@example.com",
  notBefore: new Date("2026-06-01T12:00:00Z"),
  notAfter: new Date("2046-06-01T12:00:00Z"),
};
const USAGE = "2.25.29290671811972706296897975008315633195";

function signerOf(key: KeyObject): CertificateSigner {
  return { publicKey: createPublicKey(key), sign: (bytes) => Promise.resolve(sign("sha256", bytes, key)) };
}

let authority: CertificateSigner & { certificate: Uint8Array };
let key: KeyObject;
beforeAll(async () => {
  const signer = signerOf(await generateRsaKey());
  authority = {
    ...signer,
    certificate: await createSigningAuthority(signer, { ...options, commonName: "CA of tokens" }),
  };
  key = createPublicKey(await generateRsaKey());
});

describe("createSigningAuthority", () => {
  it("makes a CA that may certify keys and no CAs", () => {
    const { raw, ca, publicKey, subject, issuer } = new X509Certificate(authority.certificate);
    expect([ca, subject, issuer]).toEqual([true, "CN=CA of tokens", "CN=CA of tokens"]);
    expect(new X509Certificate(raw).verify(publicKey)).toBe(true);
    const parsed = parseCertificate(authority.certificate);
    expect(parsed).toMatchObject({ notBeforeSeconds: 1_780_315_200, isCa: true });
    expect(publicKey.equals(authority.publicKey)).toBe(true);
  });
});

describe("issueSigningCertificate", () => {
  it("certifies a key for signatures, by a CA that can be anywhere", async () => {
    const certificate = new X509Certificate(await issueSigningCertificate(authority, key, options));
    const ca = new X509Certificate(authority.certificate);
    expect(certificate.checkIssued(ca) && certificate.verify(ca.publicKey)).toBe(true);
    expect(certificate.publicKey.equals(key)).toBe(true);
    expect([certificate.ca, certificate.subject, certificate.keyUsage]).toEqual([
      false,
      "CN=tokens@example.com",
      undefined,
    ]);
    expect(Date.parse(certificate.validTo)).toBe(options.notAfter.getTime());
    expect(certificate.serialNumber).toMatch(/^[0-7][0-9A-F]{31}$/);
  });

  it("names the only use of a key that has one", async () => {
    const certificate = await issueSigningCertificate(authority, key, { ...options, extendedKeyUsage: USAGE });
    expect(new X509Certificate(certificate).keyUsage).toEqual([USAGE]);
  });

  it("gives each certificate a serial number of its own", async () => {
    const [one, other] = await Promise.all([1, 2].map(() => issueSigningCertificate(authority, key, options)));
    expect(new X509Certificate(one ?? "").serialNumber).not.toBe(new X509Certificate(other ?? "").serialNumber);
  });

  it("makes none without a signature", async () => {
    const failing = { ...authority, sign: () => Promise.reject(new Error("the HSM is away")) };
    await expect(issueSigningCertificate(failing, key, options)).rejects.toThrow("the HSM is away");
  });
});
