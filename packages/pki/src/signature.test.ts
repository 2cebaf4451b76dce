import { constants, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { describeWithSuites, readSuite } from "shared-vectors";
import { DerReader, TAG } from "./der.js";
import { MalformedInput } from "./errors.js";
import { LazyKey, readPublicKey, type SubjectPublicKey } from "./public-key.js";
import { readSignatureAlgorithm, verifySignature } from "./signature.js";
import { context, der, integer, oid, sequence, signatureAlgorithm } from "./testing.js";

const content = (element: Uint8Array) => new DerReader(element).read(TAG.sequence, "x").content;
const keyOf = (spki: Uint8Array) => readPublicKey(new DerReader(content(spki)));

describe("readSignatureAlgorithm", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const pss = (...parameters: Buffer[]) => content(sequence(oid("1.2.840.113549.1.1.10"), sequence(...parameters)));
  const hash = (id: string) => sequence(oid(id), der(0x05));
  const sha256 = hash("2.16.840.1.101.3.4.2.1");
  const mgf = (inner: Buffer) => sequence(oid("1.2.840.113549.1.1.8"), inner);

  it("reads RSA-PSS with one hash and a salt as long, and nothing else", () => {
    expect(readSignatureAlgorithm(content(signatureAlgorithm(rsa, "pss-sha256")))?.name).toBe("RSA-PSS with sha256");
    const [h, m, s] = [context(0, sha256), context(1, mgf(sha256)), context(2, integer(32))];
    expect(readSignatureAlgorithm(pss(h, m, s, context(3, integer(1))))?.pss).toBe(true);
    for (const parameters of [
      [],
      [h, m],
      [h, m, context(2, integer(20))],
      [h, m, s, context(3, integer(2))],
      [h, context(1, mgf(hash("2.16.840.1.101.3.4.2.2"))), s],
      [context(0, hash("1.3.14.3.2.26")), m, s],
      [h, context(1, sequence(oid("1.2.3"), sha256)), s],
    ]) {
      expect(readSignatureAlgorithm(pss(...parameters))).toBeUndefined();
    }
  });

  it.each([
    ["2.16.840.1.101.3.4.2.2", "sha384", 48],
    ["2.16.840.1.101.3.4.2.3", "sha512", 64],
  ])("reads RSA-PSS with %s", (id, hashName, bytes) => {
    const withSalt = (length: number) =>
      readSignatureAlgorithm(pss(context(0, hash(id)), context(1, mgf(hash(id))), context(2, integer(length))));
    expect(withSalt(bytes)).toMatchObject({ name: `RSA-PSS with ${hashName}`, hash: hashName, pss: true });
    expect([withSalt(bytes - 1), withSalt(32)]).toEqual([undefined, undefined]);
  });

  it.each([
    ["rsa", ["11", "12", "13"].map((last) => sequence(oid(`1.2.840.113549.1.1.${last}`), der(0x05)))],
    ["ec", ["2", "3", "4"].map((last) => sequence(oid(`1.2.840.10045.4.3.${last}`)))],
    ["ed25519", [sequence(oid("1.3.101.112"))]],
  ])("reads none of the others as RSA-PSS: %s", (keyKind, algorithms) => {
    for (const algorithm of algorithms) {
      expect(readSignatureAlgorithm(content(algorithm))).toMatchObject({ keyKind, pss: false });
    }
  });

  it("takes nothing after a parameter of RSA-PSS", () => {
    const more = der(0x05);
    const fields = [[sha256], [mgf(sha256)], [integer(32)], [integer(1)]];
    for (const [longer] of fields.entries()) {
      const parts = fields.map((field, index) => context(index, ...field, ...(index === longer ? [more] : [])));
      expect(() => readSignatureAlgorithm(pss(...parts))).toThrow(MalformedInput);
    }
    const longMgf = sequence(oid("1.2.840.113549.1.1.8"), sha256, more);
    const parts = [context(0, sha256), context(1, longMgf), context(2, integer(32))];
    expect(() => readSignatureAlgorithm(pss(...parts))).toThrow(MalformedInput);
  });

  it.each([
    ["MD5 with RSA", sequence(oid("1.2.840.113549.1.1.4"), der(0x05))],
    ["SHA-1 with RSA", signatureAlgorithm(rsa, "sha1")],
    ["SHA-1 with ECDSA", sequence(oid("1.2.840.10045.4.1"))],
    ["DSA", sequence(oid("2.16.840.1.101.3.4.3.2"))],
    ["ECDSA with parameters", sequence(oid("1.2.840.10045.4.3.2"), der(0x05))],
    ["Ed25519 with parameters", sequence(oid("1.3.101.112"), der(0x05))],
    ["RSA with a NULL that is not empty", sequence(oid("1.2.840.113549.1.1.11"), der(0x05, Buffer.of(0)))],
    ["an unknown one", sequence(oid("1.2.3"))],
  ])("knows no %s", (_, algorithm) => {
    expect(readSignatureAlgorithm(content(algorithm))).toBeUndefined();
  });

  it("refuses what is no algorithm", () => {
    expect(() => readSignatureAlgorithm(Buffer.alloc(0))).toThrow(MalformedInput);
    expect(() => readSignatureAlgorithm(content(sequence(oid("1.2.840.113549.1.1.10"))))).toThrow(MalformedInput);
  });
});

describe("verifySignature", () => {
  const pkcs1 = { name: "x", keyKind: "rsa", hash: "sha256", pss: false } as const;

  it.each([
    ["exponent 1, with which anybody signs", 2048, 1n],
    ["exponent 2", 2048, 2n],
    ["an even exponent", 2048, 65_538n],
    ["512 bits", 512, 65_537n],
    ["20000 bits", 20_000, 65_537n],
  ])("believes no signature under an RSA key with %s", (_, modulusBits, exponent) => {
    const key: SubjectPublicKey = { kind: "rsa", modulusBits, exponent, key: new LazyKey({ key: {}, format: "jwk" }) };
    expect(verifySignature(pkcs1, key, Buffer.from("a"), Buffer.from("b"))).toBe(false);
  });

  it("does not take one padding for the other", () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const key = keyOf(publicKey.export({ type: "spki", format: "der" }));
    const bytes = Buffer.from("a");
    const plain = sign("sha256", bytes, privateKey);
    const padded = sign("sha256", bytes, {
      key: privateKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    });
    const says = (pss: boolean, signature: Buffer) => verifySignature({ ...pkcs1, pss }, key, bytes, signature);
    expect([says(false, plain), says(true, padded)]).toEqual([true, true]);
    expect([says(true, plain), says(false, padded)]).toEqual([false, false]);
  });

  it.each([1024, 16_384])("looks at a signature under an RSA key of %d bits", (modulusBits) => {
    // There is no such key: importing it is where it fails.
    const key = { kind: "rsa", modulusBits, exponent: 3n, key: new LazyKey({ key: {}, format: "jwk" }) } as const;
    expect(() => verifySignature(pkcs1, key, Buffer.from("a"), Buffer.from("b"))).toThrow(MalformedInput);
  });

  it("takes no key for one of another kind", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const key = keyOf(publicKey.export({ type: "spki", format: "der" }));
    const signature = sign(null, Buffer.from("a"), privateKey);
    const ed25519 = { name: "x", keyKind: "ed25519", hash: undefined, pss: false } as const;
    expect(verifySignature(ed25519, key, Buffer.from("a"), signature)).toBe(true);
    expect(verifySignature(pkcs1, key, Buffer.from("a"), signature)).toBe(false);
    expect(
      verifySignature({ ...ed25519, keyKind: "other" }, { kind: "other", algorithm: "x" }, signature, signature),
    ).toBe(false);
  });
});

interface WycheproofTest {
  tcId: number;
  comment: string;
  msg: string;
  sig: string;
  result: "valid" | "invalid" | "acceptable";
}

interface WycheproofFile {
  testGroups: { publicKeyDer: string; tests: WycheproofTest[] }[];
}

const suites = [
  ["rsa_signature_2048_sha256_test.json", { keyKind: "rsa", hash: "sha256" }],
  ["rsa_signature_3072_sha256_test.json", { keyKind: "rsa", hash: "sha256" }],
  ["ecdsa_secp256r1_sha256_test.json", { keyKind: "ec", hash: "sha256" }],
  ["ed25519_test.json", { keyKind: "ed25519", hash: undefined }],
] as const;

describeWithSuites("Wycheproof", () => {
  it.each(suites)("%s: what is valid verifies, and nothing else does", (file, algorithm) => {
    const { testGroups } = JSON.parse(readSuite(`wycheproof/${file}`)) as WycheproofFile;
    const wrong = testGroups.flatMap(({ publicKeyDer, tests }) => {
      const key = keyOf(Buffer.from(publicKeyDer, "hex"));
      const says = ({ msg, sig }: WycheproofTest) =>
        verifySignature({ name: "x", pss: false, ...algorithm }, key, Buffer.from(msg, "hex"), Buffer.from(sig, "hex"));
      return tests.filter((test) => says(test) !== (test.result === "valid"));
    });
    expect(wrong).toEqual([]);
    expect(testGroups.flatMap(({ tests }) => tests).length).toBeGreaterThan(100);
  });
});
