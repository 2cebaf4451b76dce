import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { SignedTrustBundleSchema, TrustBundleSchema } from "@tokens/api/trust";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  applyTrustBundleDelta,
  decodeSignedTrustBundle,
  decodeTrustBundle,
  encodeSignedTrustBundle,
  encodeTrustBundle,
  type NumberedRevocation,
  type SignedTrustBundle,
  type TrustBundle,
  trustBundleDelta,
  trustBundleSignedBytes,
} from "./trust-bundle.js";

const hexOf = (length: { minLength: number; maxLength: number }) =>
  fc.uint8Array(length).map((bytes) => Buffer.from(bytes).toString("hex"));
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const fqdn = fc.stringMatching(/^[0-9a-zA-Z_\-.@]{1,20}$/);

const subjects: fc.Arbitrary<NumberedRevocation["subject"]> = fc.oneof(
  fc.record({ kind: fc.constant("token" as const), fingerprint: hexOf({ minLength: 16, maxLength: 16 }) }),
  fc.record({ kind: fc.constant("machine" as const), fqdn }),
  fc.record({
    kind: fc.constant("certificate" as const),
    caId: fc.oneof(fc.constant(0n), int64),
    certSn: hexOf({ minLength: 1, maxLength: 20 }),
  }),
  fc.record({ kind: fc.constant("ca" as const), caId: fc.oneof(fc.constant(0n), int64) }),
);
const revocations: fc.Arbitrary<NumberedRevocation[]> = fc
  .uniqueArray(
    fc.record({
      number: fc.integer({ min: 1, max: 60 }),
      subject: subjects,
      until: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1 })),
    }),
    { maxLength: 12, selector: ({ number }) => number },
  )
  .map((list) => list.toSorted((one, other) => one.number - other.number));
const bundles: fc.Arbitrary<TrustBundle> = fc.record({
  number: fc.integer({ min: 1 }),
  signedAt: fc.integer({ min: 1 }),
  serviceAccount: fc.string({ unit: "grapheme", maxLength: 20 }),
  keys: fc.array(
    fc.record({
      keyId: fc.string({ minLength: 1, maxLength: 40 }),
      certificate: fc.uint8Array({ minLength: 1, maxLength: 60 }),
    }),
    { maxLength: 3 },
  ),
  revocations,
});

const plain = (bundle: TrustBundle) => ({
  ...bundle,
  keys: bundle.keys.map(({ keyId, certificate }) => ({ keyId, certificate: Buffer.from(certificate) })),
});

/** The same bundle as the protocol's own code generator knows it. */
function message({ number, signedAt, serviceAccount, keys, revocations: list }: TrustBundle) {
  return create(TrustBundleSchema, {
    number: BigInt(number),
    signedAt: BigInt(signedAt),
    serviceAccount,
    keys: keys.map(({ keyId, certificate }) => ({ keyId, certificate: Uint8Array.from(certificate) })),
    revocations: list.map(({ number: id, subject, until }) => ({
      number: BigInt(id),
      until: Number.isFinite(until) ? BigInt(until) : 0n,
      subject: subjectOf(subject),
    })),
  });
}

function subjectOf(subject: NumberedRevocation["subject"]) {
  if (subject.kind === "token") {
    return { case: "tokenFingerprint" as const, value: Uint8Array.from(Buffer.from(subject.fingerprint, "hex")) };
  }
  if (subject.kind === "machine") return { case: "machineFqdn" as const, value: subject.fqdn };
  if (subject.kind === "ca") return { case: "caId" as const, value: subject.caId };
  const certSn = Uint8Array.from(Buffer.from(subject.certSn, "hex"));
  return { case: "certificate" as const, value: { caId: subject.caId, certSn } };
}

function orError<T>(read: () => T): T | Error {
  try {
    return read();
  } catch (error) {
    return error as Error;
  }
}

describe("the encoding of a trust bundle", () => {
  it("is undone by decoding", () => {
    fc.assert(
      fc.property(bundles, (bundle) => {
        expect(plain(decodeTrustBundle(encodeTrustBundle(bundle)))).toEqual(plain(bundle));
      }),
    );
  });

  it("is that of the protocol's own code generator", () => {
    fc.assert(
      fc.property(bundles, (bundle) => {
        const theirs = toBinary(TrustBundleSchema, message(bundle));
        expect(Buffer.from(encodeTrustBundle(bundle))).toEqual(Buffer.from(theirs));
      }),
    );
  });

  it("never reads what the protocol's own reader reads otherwise", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 });
    let read = 0;
    fc.assert(
      fc.property(bundles, changes, (bundle, flips) => {
        const bytes = Buffer.from(encodeTrustBundle(bundle));
        for (const [at, value] of flips) bytes[at % bytes.length] = value;
        // protobuf-es drops a byte order mark.
        if (bytes.includes("\uFEFF")) return;
        const ours = orError(() => decodeTrustBundle(bytes));
        if (ours instanceof Error) return;
        read++;
        const theirs = fromBinary(TrustBundleSchema, bytes);
        expect(Buffer.from(toBinary(TrustBundleSchema, theirs))).toEqual(bytes);
        expect(Buffer.from(toBinary(TrustBundleSchema, message(ours)))).toEqual(bytes);
      }),
      { numRuns: 1000 },
    );
    expect(read).toBeGreaterThan(0);
  });

  it("throws nothing but errors that say what is wrong, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        for (const answer of [orError(() => decodeTrustBundle(bytes)), orError(() => decodeSignedTrustBundle(bytes))]) {
          if (answer instanceof Error) expect(answer.message).not.toBe("");
        }
      }),
    );
  });

  it.each([
    ["no number", "10011a0161"],
    ["no date", "08011a0161"],
    ["a key without an id", "08011001220312 0161".replace(" ", "")],
    ["a key without a certificate", "0801100122030a0161"],
    ["a revocation without a number", "080110012a031a0161"],
    ["a revocation of nothing", "080110012a020801"],
    ["a revocation of two things", "080110012a0708011a01612801"],
    ["a fingerprint of 15 bytes", `080110012a130801120f${"00".repeat(15)}`],
    ["a machine with a blank in its name", "080110012a0508011a0120"],
    ["a certificate without a serial number", "080110012a0608012202 0801".replace(" ", "")],
    ["revocations in descending order", "080110012a0508021a01612a0508011a0161"],
    ["two revocations with one number", "080110012a0508011a01612a0508011a0162"],
    ["an unknown field", "080110013001"],
  ])("refuses %s", (_name, hex) => {
    expect(() => decodeTrustBundle(Buffer.from(hex, "hex"))).toThrow(Error);
  });

  it("keeps a CA with the id 0, which is an ordinary one", () => {
    const bundle = { number: 1, signedAt: 1, serviceAccount: "a@b", keys: [] };
    const revocation = { number: 1, subject: { kind: "ca" as const, caId: 0n }, until: Number.POSITIVE_INFINITY };
    const bytes = encodeTrustBundle({ ...bundle, revocations: [revocation] });
    expect(Buffer.from(bytes).toString("hex")).toContain("2800");
    expect(decodeTrustBundle(bytes).revocations).toEqual([revocation]);
  });
});

describe("the encoding of a signed trust bundle", () => {
  const signedBundles: fc.Arbitrary<SignedTrustBundle> = fc.record({
    bundle: fc.uint8Array({ maxLength: 200 }),
    signature: fc.uint8Array({ maxLength: 80 }),
    certificates: fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 3 }),
    baseNumber: fc.maxSafeNat(),
    removed: fc
      .uniqueArray(fc.integer({ min: 1 }), { maxLength: 5 })
      .map((numbers) => numbers.toSorted((one, other) => one - other)),
  });

  it("is undone by decoding, and that of the protocol's own code generator", () => {
    fc.assert(
      fc.property(signedBundles, (signed) => {
        const bytes = encodeSignedTrustBundle(signed);
        const read = decodeSignedTrustBundle(bytes);
        expect(Buffer.from(read.bundle)).toEqual(Buffer.from(signed.bundle));
        expect([read.baseNumber, read.removed]).toEqual([signed.baseNumber, signed.removed]);
        const theirs = create(SignedTrustBundleSchema, {
          bundle: Uint8Array.from(signed.bundle),
          signature: Uint8Array.from(signed.signature),
          certificates: signed.certificates.map((each) => Uint8Array.from(each)),
          baseNumber: BigInt(signed.baseNumber),
          removed: signed.removed.map(BigInt),
        });
        expect(Buffer.from(bytes)).toEqual(Buffer.from(toBinary(SignedTrustBundleSchema, theirs)));
      }),
    );
  });

  it("refuses numbers that are gone in another order, or twice", () => {
    for (const hex of ["2a020201", "2a020101"]) {
      expect(() => decodeSignedTrustBundle(Buffer.from(hex, "hex"))).toThrow("ascending");
    }
  });

  it("is signed with a context of its own", () => {
    expect(Buffer.from(trustBundleSignedBytes(Buffer.of(7))).toString("latin1")).toBe(
      "tokenserver.trust.v1.TrustBundle\0\u0007",
    );
  });
});

describe("an update", () => {
  const seal = (parts: Partial<SignedTrustBundle>): SignedTrustBundle => ({
    bundle: new Uint8Array(),
    signature: Uint8Array.of(1),
    certificates: [],
    baseNumber: 0,
    removed: [],
    ...parts,
  });

  it("makes the complete bundle of the one it is based on, byte for byte", () => {
    fc.assert(
      fc.property(bundles, bundles, (base, bundle) => {
        // A number belongs to one revocation for ever.
        const same = new Map(base.revocations.map((revocation) => [revocation.number, revocation]));
        const later = { ...bundle, revocations: bundle.revocations.map((each) => same.get(each.number) ?? each) };
        const update = seal({ ...trustBundleDelta(base, later), baseNumber: base.number });
        expect(decodeTrustBundle(update.bundle).revocations.length).toBeLessThanOrEqual(later.revocations.length);
        const complete = applyTrustBundleDelta(base, decodeSignedTrustBundle(encodeSignedTrustBundle(update)));
        expect(Buffer.from(complete.bundle)).toEqual(Buffer.from(encodeTrustBundle(later)));
        expect([complete.baseNumber, complete.removed]).toEqual([0, []]);
      }),
    );
  });

  it("does not fit another bundle", () => {
    const base = { number: 5, signedAt: 1, serviceAccount: "a@b", keys: [], revocations: [] };
    const update = seal({ ...trustBundleDelta(base, { ...base, number: 6 }), baseNumber: 5 });
    expect(() => applyTrustBundleDelta({ ...base, number: 4 }, update)).toThrow("the update is to bundle 5");
  });
});
