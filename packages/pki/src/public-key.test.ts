import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { describe, expect, it } from "vitest";
import { DerReader, TAG } from "./der.js";
import { MalformedInput } from "./errors.js";
import { bits, der, integer, oid, sequence } from "./testing/der-writer.js";
import { LazyKey, publicKeyOf, readPublicKey, type SubjectPublicKey, whyKeyMayNotSign } from "./public-key.js";

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

  it("refuses a point that is longer, shorter or written in another way, though its first numbers are a key", () => {
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
    const p256 = sequence(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7"));
    const point = spki(key).subarray(-65);
    const readPoint = (bytes: Uint8Array) => read(sequence(p256, bits(Buffer.from(bytes))));
    expect(publicKeyOf(readPoint(point)).equals(key)).toBe(true);
    const hybrid = Buffer.from(point);
    hybrid[0] = 6 + ((point[64] ?? 0) & 1);
    for (const other of [hybrid, Buffer.concat([point, Buffer.of(0)]), point.subarray(0, 64), Buffer.of(0)]) {
      expect(() => readPoint(other)).toThrow(/uncompressed/);
    }
  });

  it("refuses an Ed25519 key that is not of 32 bytes", () => {
    const ed25519 = sequence(oid("1.3.101.112"));
    for (const length of [0, 31, 33]) {
      expect(() => read(sequence(ed25519, bits(Buffer.alloc(length, 7))))).toThrow(/not 32 bytes/);
    }
  });

  it.each([
    [0n, 65_537n],
    [-1n, 65_537n],
    [modulus2048, 0n],
    [modulus2048, -1n],
  ])("refuses RSA with numbers that are not positive", (modulus, exponent) => {
    const numbers = sequence(integer(modulus), integer(exponent));
    const key = sequence(sequence(oid("1.2.840.113549.1.1.1"), der(0x05)), bits(numbers));
    expect(() => read(key)).toThrow(MalformedInput);
    expect(() => read(key)).toThrow(/positive|negative/);
  });

  it("says what node could not import, and why", () => {
    const key: SubjectPublicKey = { kind: "ed25519", point: Buffer.of(), key: new LazyKey({ key: {}, format: "jwk" }) };
    expect(() => publicKeyOf(key)).toThrow(expect.objectContaining({ cause: expect.any(Error) }) as Error);
    expect(() => publicKeyOf({ kind: "other", algorithm: "1.2.3" })).toThrow("public key: 1.2.3");
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

  it("knows all Ed25519 keys of small order, with either sign", () => {
    const p = 2n ** 255n - 19n;
    const littleEndian = (value: bigint) => Buffer.from(value.toString(16).padStart(64, "0"), "hex").reverse();
    const root = (exponent: bigint, base: bigint) => {
      let [result, square, rest] = [1n, base, exponent];
      for (; rest > 0n; rest >>= 1n) {
        if (rest & 1n) result = (result * square) % p;
        square = (square * square) % p;
      }
      return result;
    };
    // y is 1, -1, 0, or one of the four square roots that points of order 8 have: y² = (±√(1 + d) - 1) / d.
    const invert = (value: bigint) => root(p - 2n, ((value % p) + p) % p);
    const d = ((p - 121_665n) * invert(121_666n)) % p;
    const sqrtOf = (value: bigint) => {
      const candidate = root((p + 3n) / 8n, value);
      const other = (candidate * root((p - 1n) / 4n, 2n)) % p;
      return [candidate, other].find((each) => (each * each) % p === value);
    };
    const s = sqrtOf((1n + d) % p) ?? 0n;
    const ofOrder8 = [s, p - s].flatMap((sign) => {
      const y = sqrtOf((((sign - 1n + p) % p) * invert(d)) % p);
      return y === undefined ? [] : [y, p - y];
    });
    const ys = [...new Set([0n, 1n, p - 1n, p, p + 1n, ...ofOrder8])];
    expect(ys).toHaveLength(7);
    for (const y of ys) {
      for (const sign of [0, 0x80]) {
        const point = littleEndian(y);
        point[31] = (point[31] ?? 0) | sign;
        const key = read(sequence(sequence(oid("1.3.101.112")), bits(point)));
        expect(whyKeyMayNotSign(key)).toMatch(/small order/);
      }
    }
    const good = generateKeyPairSync("ed25519").publicKey;
    expect(whyKeyMayNotSign(read(spki(good)))).toBeUndefined();
  });

  it("allows 2048 and 8192 bits, and larger odd exponents", () => {
    const exponents = [65537n, 2n ** 32n + 15n, 2n ** 256n - 1n];
    for (const key of [rsa(2n ** 8191n + 1n, 65537n), ...exponents.map((exponent) => rsa(modulus2048, exponent))]) {
      expect(whyKeyMayNotSign(key)).toBeUndefined();
    }
  });
});
