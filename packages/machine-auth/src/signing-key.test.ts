import { createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { TestCa } from "@tokens/pki/testing";
import { describe, expect, it } from "vitest";
import { mayBundlesBeSignedWith, readCertificate, tokenSigningKey } from "./signing-key.js";

const ca = TestCa.create("CA");
const rsa = (modulusLength: number, publicExponent = 65_537) =>
  generateKeyPairSync("rsa", { modulusLength, publicExponent }).privateKey;
const keys = {
  "RSA-2048": () => rsa(2048),
  "RSA-1024": () => rsa(1024),
  "RSA with exponent 3": () => rsa(2048, 3),
  "P-256": () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
  "P-384": () => generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey,
  Ed25519: () => generateKeyPairSync("ed25519").privateKey,
};

describe("which keys may sign", () => {
  it.each<[keyof typeof keys, tokens: boolean, bundles: boolean]>([
    ["RSA-2048", true, true],
    ["RSA-1024", false, false],
    ["RSA with exponent 3", false, false],
    ["P-256", false, true],
    ["P-384", false, false],
    ["Ed25519", false, true],
  ])("%s: tokens %s, bundles %s", (name, tokens, bundles) => {
    const certificate = new X509Certificate(ca.issue("signer", { privateKey: keys[name]() }).certificate);
    expect(tokenSigningKey(certificate) !== undefined).toBe(tokens);
    expect(mayBundlesBeSignedWith(certificate.publicKey)).toBe(bundles);
  });
});

/** A public key of any size: nobody checks that its modulus has two factors. */
function publicRsa(modulusLength: number, exponent = 65_537) {
  const modulus = Buffer.alloc(Math.ceil(modulusLength / 8), 0xff);
  modulus[0] = 0xff >> (modulus.length * 8 - modulusLength);
  const [n, e] = [modulus.toString("base64url"), Buffer.from(exponent.toString(16).padStart(8, "0"), "hex")];
  return createPublicKey({ key: { kty: "RSA", n, e: e.toString("base64url") }, format: "jwk" });
}

describe("which RSA keys are strong", () => {
  it.each([
    [2047, 65_537, false],
    [2048, 65_537, true],
    [8192, 65_537, true],
    [8193, 65_537, false],
    [16_384, 65_537, false],
    [2048, 65_535, false],
    [2048, 65_538, false],
    [2048, 65_539, true],
  ])("%d bits and the exponent %d: %s", (bits, exponent, isStrong) => {
    const key = publicRsa(bits, exponent);
    expect(key.asymmetricKeyDetails).toMatchObject({ modulusLength: bits, publicExponent: BigInt(exponent) });
    expect(mayBundlesBeSignedWith(key)).toBe(isStrong);
  });

  it("takes none that is for another padding alone", () => {
    const { publicKey } = generateKeyPairSync("rsa-pss", { modulusLength: 2048 });
    expect(mayBundlesBeSignedWith(publicKey)).toBe(false);
  });
});

describe("readCertificate", () => {
  it("reads one certificate and nothing else", () => {
    const { certificate } = ca.issue("signer");
    expect(readCertificate(certificate)?.subject).toBe("CN=signer");
    for (const bytes of [Buffer.alloc(0), certificate.subarray(1), Buffer.concat([certificate, certificate])]) {
      expect(readCertificate(bytes)).toBeUndefined();
    }
  });
});
