import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { describe, expect, it } from "vitest";
import { DerReader, TAG } from "./der.js";
import { MalformedInput } from "./errors.js";
import { bits, oid, sequence } from "./testing/der-writer.js";
import { publicKeyOf, readPublicKey, type SubjectPublicKey, whyKeyMayNotSign } from "./public-key.js";

const spki = (key: KeyObject) => key.export({ type: "spki", format: "der" });
const read = (der: Uint8Array) => readPublicKey(new DerReader(der).enter(TAG.sequence, "x"));

/** A key with any numbers in it, as a CA would certify without a look. */
function rsa(modulus: bigint, exponent: bigint): SubjectPublicKey {
  const number = (value: bigint) => {
    const hex = value.toString(16);
    return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex").toString("base64url");
  };
  return read(spki(createPublicKey({ key: { kty: "RSA", n: number(modulus), e: number(exponent) }, format: "jwk" })));
}

const modulus2048 = 2n ** 2048n - 1942289n;

describe("readPublicKey", () => {
  it.each([
    ["RSA", () => generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey],
    ["P-256", () => generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey],
    ["P-384", () => generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey],
    ["Ed25519", () => generateKeyPairSync("ed25519").publicKey],
  ])("reads a %s key that node imports as the same key", (_, make) => {
    const key = make();
    expect(publicKeyOf(read(spki(key))).equals(key)).toBe(true);
    expect(whyKeyMayNotSign(read(spki(key)))).toBeUndefined();
  });

  it("reads a P-521 key, which may not sign", () => {
    const key = generateKeyPairSync("ec", { namedCurve: "P-521" }).publicKey;
    expect(publicKeyOf(read(spki(key))).equals(key)).toBe(true);
    expect(whyKeyMayNotSign(read(spki(key)))).toMatch(/P-521/);
  });

  it.each([
    ["P-224", () => generateKeyPairSync("ec", { namedCurve: "P-224" }).publicKey],
    ["X25519", () => generateKeyPairSync("x25519").publicKey],
    ["RSA for PSS alone", () => generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).publicKey],
  ])("reads %s as a key of another kind, which may not sign", (_, make) => {
    const key = read(spki(make()));
    expect(key.kind).toBe("other");
    expect(whyKeyMayNotSign(key)).toMatch(/unsupported kind/);
    expect(() => publicKeyOf(key)).toThrow(MalformedInput);
  });

  it.each(["P-256", "P-384", "P-521"])("refuses a point that is not on %s", (namedCurve) => {
    const der = Buffer.from(spki(generateKeyPairSync("ec", { namedCurve }).publicKey));
    der[der.length - 1] = (der[der.length - 1] ?? 0) ^ 1;
    expect(() => read(der)).toThrow(MalformedInput);
  });

  it("refuses curves that nobody should use, and compressed points", () => {
    expect(() => read(spki(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey))).toThrow(/unknown curve/);
    const p256 = sequence(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7"));
    expect(() => read(sequence(p256, bits(Buffer.concat([Buffer.of(2), Buffer.alloc(32, 1)]))))).toThrow(
      /uncompressed/,
    );
  });

  it("refuses an even modulus, which belongs to no key", () => {
    expect(() => rsa(modulus2048 - 1n, 65537n)).toThrow(/even modulus/);
  });

  it("imports a key once", () => {
    const key = read(spki(generateKeyPairSync("ed25519").publicKey));
    expect(publicKeyOf(key)).toBe(publicKeyOf(key));
  });
});

describe("whyKeyMayNotSign", () => {
  it.each([
    ["exponent 1, with which anybody can sign", rsa(modulus2048, 1n), /exponent/],
    ["exponent 3", rsa(modulus2048, 3n), /exponent/],
    ["exponent 65535", rsa(modulus2048, 65535n), /exponent/],
    ["an even exponent", rsa(modulus2048, 65538n), /exponent/],
    ["an exponent of 257 bits", rsa(modulus2048, 2n ** 256n + 1n), /more than 256 bits/],
    ["2047 bits", rsa(2n ** 2046n + 1n, 65537n), /2047 bits/],
    ["8193 bits", rsa(2n ** 8192n + 1n, 65537n), /8193 bits/],
    ["16384 bits", rsa(2n ** 16383n + 1n, 65537n), /16384 bits/],
  ])("refuses %s", (_, key, reason) => {
    expect(whyKeyMayNotSign(key)).toMatch(reason);
  });

  it("refuses an Ed25519 key of small order, for which anybody can sign", () => {
    const ed25519 = (x: Buffer) => read(sequence(sequence(oid("1.3.101.112")), bits(x)));
    const neutral = Buffer.concat([Buffer.of(1), Buffer.alloc(31)]);
    const forged = Buffer.concat([neutral, Buffer.alloc(32)]);
    expect(verify(null, Buffer.from("anything"), publicKeyOf(ed25519(neutral)), forged)).toBe(true);
    expect(whyKeyMayNotSign(ed25519(neutral))).toMatch(/small order/);
    neutral[31] = 0x80;
    expect(whyKeyMayNotSign(ed25519(neutral))).toMatch(/small order/);
  });

  it("allows 2048 and 8192 bits, and larger odd exponents", () => {
    const exponents = [65537n, 2n ** 32n + 15n, 2n ** 256n - 1n];
    for (const key of [rsa(2n ** 8191n + 1n, 65537n), ...exponents.map((exponent) => rsa(modulus2048, exponent))]) {
      expect(whyKeyMayNotSign(key)).toBeUndefined();
    }
  });
});
