import { createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { parseCertificate } from "../certificate.js";
import { verifySignature } from "../signature.js";
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  flipCritical,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
  unknownExtension,
} from "./extension-writer.js";
import { makeCertificate, makeKey } from "./make-certificate.js";
import { TestCa } from "./test-ca.js";

describe("certificates made for tests", () => {
  it("are what node takes them for", () => {
    const ca = TestCa.create("Fleet CA");
    const extensions = [
      basicConstraints(false),
      keyUsage("digitalSignature", "keyAgreement"),
      extendedKeyUsage("clientAuth", "1.2.3"),
      subjectAltName("dns:h.example.com", "ip:7f000001", "email:a@b.c", "uri:http://h/"),
      authorityKeyIdentifier(Buffer.from("aa", "hex")),
      subjectKeyIdentifier(Buffer.from("bb", "hex")),
    ];
    const { certificate, privateKey } = ca.issue("h.example.com", { serial: 0x1234n, extensions });
    const [leaf, authority] = [new X509Certificate(certificate), new X509Certificate(ca.certificate)];
    expect(leaf.checkIssued(authority)).toBe(true);
    expect(leaf.verify(authority.publicKey)).toBe(true);
    expect(leaf.checkPrivateKey(privateKey)).toBe(true);
    expect([leaf.ca, authority.ca]).toEqual([false, true]);
    expect(leaf.serialNumber).toBe("1234");
    expect(leaf.subject).toBe("CN=h.example.com");
    expect(leaf.subjectAltName).toBe("DNS:h.example.com, IP Address:127.0.0.1, email:a@b.c, URI:http://h/");
    expect(leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2", "1.2.3"]);
  });

  it("are signed in every way that the checker knows", () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    const ed25519 = generateKeyPairSync("ed25519").privateKey;
    const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
    const ways = [
      [rsa, "sha256"],
      [rsa, "sha384"],
      [rsa, "sha512"],
      [rsa, "pss-sha256"],
      [makeKey(), "sha256"],
      [p384, "sha384"],
      [p384, "sha512"],
      [ed25519, "sha256"],
    ] as const;
    for (const [signer, hash] of ways) {
      const made = makeCertificate({ subject: "a", issuer: "a", publicKey: signer, signer, hash });
      const { signatureAlgorithm, publicKey, tbs, signature } = parseCertificate(made);
      expect(signatureAlgorithm && verifySignature(signatureAlgorithm, publicKey, tbs, signature)).toBe(true);
      expect(new X509Certificate(made).verify(createPublicKey(signer))).toBe(true);
    }
  });

  it("turn criticality around, both ways, for extensions of any size", () => {
    const long = subjectAltName(...Array.from({ length: 100 }, (_, index) => `dns:host-${index}.example.com`));
    for (const made of [basicConstraints(true), unknownExtension(false), long]) {
      expect(flipCritical(made)).not.toEqual(made);
      expect(flipCritical(flipCritical(made))).toEqual(made);
    }
    const { certificate } = TestCa.create("a", {
      extensions: [flipCritical(basicConstraints(true)), flipCritical(long)],
    });
    expect([...parseCertificate(certificate).critical]).toEqual(["2.5.29.17"]);
  });
});
