import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { SignatureAlgorithm } from "@tokens/api";
import { describe, expect, it } from "vitest";
import { MachineKeyError } from "./errors.js";
import { signatureAlgorithmOf } from "./signature-algorithm.js";

const ec = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve }).publicKey;

describe("signatureAlgorithmOf", () => {
  it.each<[string, () => KeyObject, SignatureAlgorithm, string | null]>([
    [
      "RSA",
      () => generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey,
      SignatureAlgorithm.SHA256_RSA_ALGO,
      "sha256",
    ],
    ["P-256", () => ec("P-256"), SignatureAlgorithm.SHA256_ECDSA_P256_ALGO, "sha256"],
    ["P-384", () => ec("P-384"), SignatureAlgorithm.SHA384_ECDSA_P384_ALGO, "sha384"],
    ["Ed25519", () => generateKeyPairSync("ed25519").publicKey, SignatureAlgorithm.ED25519_ALGO, null],
  ])("has the protocol's number for %s", (_, key, number, digest) => {
    expect(signatureAlgorithmOf(key())).toEqual({ number, digest });
  });

  it.each<[string, () => KeyObject, RegExp]>([
    ["P-521", () => ec("P-521"), /ec secp521r1, expected RSA, EC P-256/],
    ["secp256k1", () => ec("secp256k1"), /ec secp256k1/],
    ["X25519", () => generateKeyPairSync("x25519").publicKey, /x25519/],
    ["Ed448", () => generateKeyPairSync("ed448").publicKey, /ed448/],
    ["RSA-PSS", () => generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).publicKey, /rsa-pss/],
  ])("refuses %s and says what would do", (_, key, message) => {
    expect(() => signatureAlgorithmOf(key())).toThrow(MachineKeyError);
    expect(() => signatureAlgorithmOf(key())).toThrow(message);
  });
});
