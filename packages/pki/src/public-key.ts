import { createPublicKey, type JsonWebKeyInput, type KeyObject, type PublicKeyInput } from "node:crypto";
import { DerReader, readInteger, readMagnitude, readWholeBytes, TAG } from "./der.js";
import { MalformedInput } from "./errors.js";

/** RSA keys outside of these sizes are refused: too weak, or too expensive to check signatures with. */
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;

/** The smallest public exponent in use. With 1 anybody can sign; 3 has a history of forgeries. */
const MIN_RSA_EXPONENT = 65_537n;

/** FIPS 186-5 §A.1.1: larger exponents are of no use, and cost as much as the modulus allows. */
const MAX_RSA_EXPONENT = (1n << 256n) - 1n;

/** Curves by object identifier: name in a JWK and length of a coordinate in bytes. */
const CURVES: Record<string, { curve: Curve; coordinateBytes: number }> = {
  "1.2.840.10045.3.1.7": { curve: "P-256", coordinateBytes: 32 },
  "1.3.132.0.34": { curve: "P-384", coordinateBytes: 48 },
  "1.3.132.0.35": { curve: "P-521", coordinateBytes: 66 },
};
const P224 = "1.3.132.0.33";

type Curve = "P-256" | "P-384" | "P-521";

/** A key that node:crypto makes when it is first needed, and once. */
export class LazyKey {
  readonly #input: PublicKeyInput | JsonWebKeyInput;
  #made: KeyObject | undefined;

  constructor(input: PublicKeyInput | JsonWebKeyInput) {
    this.#input = input;
  }

  make(): KeyObject {
    this.#made ??= createPublicKey(this.#input);
    return this.#made;
  }
}

/** The key in a certificate (RFC 5280 §4.1.2.7), read but not yet imported. */
export type SubjectPublicKey =
  | { readonly kind: "rsa"; readonly modulusBits: number; readonly exponent: bigint; readonly key: LazyKey }
  | { readonly kind: "ec"; readonly curve: Curve; readonly key: LazyKey }
  | { readonly kind: "ed25519"; readonly point: Uint8Array; readonly key: LazyKey }
  | { readonly kind: "other"; readonly algorithm: string };

/** Reads the content of a SubjectPublicKeyInfo. Throws MalformedInput. */
export function readPublicKey(info: DerReader): SubjectPublicKey {
  const what = "public key";
  const algorithm = info.enter(TAG.sequence, what);
  const oid = algorithm.oid(what);
  const key = readWholeBytes(info.read(TAG.bitString, what).content, what);
  info.end(what);
  if (oid === "1.2.840.113549.1.1.1") return readRsaKey(algorithm, key);
  if (oid === "1.2.840.10045.2.1") return readEcKey(algorithm, key);
  if (oid === "1.3.101.112") return readEd25519Key(algorithm, key);
  return { kind: "other", algorithm: oid };
}

/** RFC 3279 §2.3.1. */
function readRsaKey(algorithm: DerReader, key: Uint8Array): SubjectPublicKey {
  const what = "RSA public key";
  if (algorithm.read(TAG.null, what).length > 0) throw new MalformedInput(`${what}: a NULL with content`);
  algorithm.end(what);
  const outer = new DerReader(key);
  const numbers = outer.enter(TAG.sequence, what);
  outer.end(what);
  const modulus = readMagnitude(numbers.read(TAG.integer, what).content, what);
  const exponent = readInteger(numbers.read(TAG.integer, what).content, what);
  numbers.end(what);
  if (modulus.length === 0 || exponent <= 0n) throw new MalformedInput(`${what}: a number that is not positive`);
  if ((modulus.at(-1) ?? 0) % 2 === 0) throw new MalformedInput(`${what}: an even modulus`);
  const modulusBits = 8 * modulus.length - (Math.clz32(modulus[0] ?? 0) - 24);
  const pkcs1 = Buffer.from(key.buffer, key.byteOffset, key.length);
  return { kind: "rsa", modulusBits, exponent, key: new LazyKey({ key: pkcs1, format: "der", type: "pkcs1" }) };
}

/** RFC 5480 §2: a named curve and an uncompressed point, which must be one of the curve. */
function readEcKey(algorithm: DerReader, key: Uint8Array): SubjectPublicKey {
  const what = "EC public key";
  const oid = algorithm.oid(what);
  algorithm.end(what);
  if (oid === P224) return { kind: "other", algorithm: "elliptic curve P-224" };
  const named = CURVES[oid];
  if (!named) throw new MalformedInput(`${what}: an unknown curve`);
  const { curve, coordinateBytes } = named;
  if (key[0] !== 4 || key.length !== 1 + 2 * coordinateBytes)
    throw new MalformedInput(`${what}: not an uncompressed point`);
  const coordinate = (from: number) => base64url(key.subarray(from, from + coordinateBytes));
  const jwk = { kty: "EC", crv: curve, x: coordinate(1), y: coordinate(1 + coordinateBytes) };
  const read: SubjectPublicKey = { kind: "ec", curve, key: new LazyKey({ key: jwk, format: "jwk" }) };
  publicKeyOf(read);
  return read;
}

/** RFC 8410 §4. */
function readEd25519Key(algorithm: DerReader, key: Uint8Array): SubjectPublicKey {
  algorithm.end("Ed25519 public key");
  if (key.length !== 32) throw new MalformedInput("Ed25519 public key: not 32 bytes");
  const jwk = { kty: "OKP", crv: "Ed25519", x: base64url(key) };
  return { kind: "ed25519", point: key, key: new LazyKey({ key: jwk, format: "jwk" }) };
}

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");

/** Why signatures of this key say nothing; undefined when the key is strong enough. */
export function whyKeyMayNotSign(key: SubjectPublicKey): string | undefined {
  if (key.kind === "other") return `a key of an unsupported kind (${key.algorithm})`;
  if (key.kind === "ec" && key.curve === "P-521") return "an EC key on P-521, where P-256 and P-384 are allowed";
  if (key.kind === "ed25519") return whyPointMayNotSign(key.point);
  if (key.kind !== "rsa") return undefined;
  if (key.modulusBits < MIN_RSA_BITS || key.modulusBits > MAX_RSA_BITS) {
    return `an RSA key of ${key.modulusBits} bits, where ${MIN_RSA_BITS} to ${MAX_RSA_BITS} are allowed`;
  }
  if (key.exponent < MIN_RSA_EXPONENT || key.exponent % 2n === 0n) {
    return `an RSA key whose public exponent is even or below ${MIN_RSA_EXPONENT}`;
  }
  if (key.exponent > MAX_RSA_EXPONENT) return "an RSA key whose public exponent is of more than 256 bits";
  return undefined;
}

/**
 * The points of small order on Curve25519, the bit of the sign cleared: for such a key anybody can make signatures that
 * OpenSSL takes. Two of them have a second form, which is no less readable.
 */
const SMALL_ORDER_POINTS: ReadonlySet<string> = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

function whyPointMayNotSign(point: Uint8Array): string | undefined {
  const unsigned = Buffer.from(point);
  unsigned[31] = (unsigned[31] ?? 0) & 0x7f;
  return SMALL_ORDER_POINTS.has(unsigned.toString("hex")) ? "an Ed25519 key of small order" : undefined;
}

/**
 * The key for node:crypto. Made of the bare numbers, in PKCS#1 or a JWK: importing a SubjectPublicKeyInfo takes twenty times
 * as long. Throws MalformedInput for numbers that are no key, such as a point that is not on its curve.
 */
export function publicKeyOf(key: SubjectPublicKey): KeyObject {
  if (key.kind === "other") throw new MalformedInput(`public key: ${key.algorithm}`);
  try {
    return key.key.make();
  } catch (error) {
    throw new MalformedInput("public key: its numbers are no key", { cause: error });
  }
}
