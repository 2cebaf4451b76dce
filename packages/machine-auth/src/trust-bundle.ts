import { CanonicalReader, CanonicalWriter } from "./canonical-proto.js";
import { decodeRevocation, encodeRevocation, type NumberedRevocation } from "./numbered-revocation.js";

export type { NumberedRevocation } from "./numbered-revocation.js";
export { Revocations } from "./revocations.js";

/** Where a token server publishes its bundle. */
export const TRUST_BUNDLE_PATH = "/trust/v1/bundle";

/** The media type of a bundle. */
export const TRUST_BUNDLE_TYPE = "application/x-protobuf";

/** The extended key usage of certificates whose key signs bundles: no other key of the same CA may. */
export const TRUST_BUNDLE_KEY_USAGE = "2.25.29290671811972706296897975008315633195";

/** Largest bundle, in bytes: some 300,000 revocations. */
export const MAX_TRUST_BUNDLE_BYTES: number = 16 * 1024 * 1024;

/** What is signed begins so: a signature over anything else is none over a bundle. */
const SIGNING_CONTEXT = Buffer.from("tokenserver.trust.v1.TrustBundle\0");

/** A key that signs tokens. */
export interface BundledKey {
  readonly keyId: string;
  /** DER. */
  readonly certificate: Uint8Array;
}

/** TrustBundle of the protocol: everything that a verifier has to know. */
export interface TrustBundle {
  /** Each change makes a higher one. */
  readonly number: number;
  /** Unix seconds. */
  readonly signedAt: number;
  /** E-mail of the service account that issues the tokens. */
  readonly serviceAccount: string;
  readonly keys: readonly BundledKey[];
  /** By ascending number. */
  readonly revocations: readonly NumberedRevocation[];
}

/** SignedTrustBundle of the protocol. */
export interface SignedTrustBundle {
  /** A serialized TrustBundle: complete, or with what came since `baseNumber`. */
  readonly bundle: Uint8Array;
  /** Over the complete bundle. */
  readonly signature: Uint8Array;
  /** DER: the signer's, then the CAs between it and a token-signing CA. */
  readonly certificates: readonly Uint8Array[];
  /** 0 if the bundle is complete. */
  readonly baseNumber: number;
  /** Numbers of revocations that went since, ascending. */
  readonly removed: readonly number[];
}

/** The canonical bytes of a bundle. Throws a TypeError for a fingerprint or serial number that is not hex. */
export function encodeTrustBundle(bundle: TrustBundle): Uint8Array {
  return new CanonicalWriter()
    .number(1, bundle.number)
    .number(2, bundle.signedAt)
    .string(3, bundle.serviceAccount)
    .messages(
      4,
      bundle.keys.map(({ keyId, certificate }) =>
        new CanonicalWriter().string(1, keyId).bytes(2, certificate).finish(),
      ),
    )
    .messages(5, bundle.revocations.map(encodeRevocation))
    .finish();
}

/** Reads a bundle. Throws an Error that names what is wrong with it. */
export function decodeTrustBundle(bytes: Uint8Array): TrustBundle {
  const reader = new CanonicalReader(bytes);
  const bundle = {
    number: reader.safeNumber(1),
    signedAt: reader.safeNumber(2),
    serviceAccount: reader.string(3),
    keys: reader.messages(4).map(decodeKey),
    revocations: reader.messages(5).map(decodeRevocation),
  };
  reader.end();
  if (bundle.number === 0 || bundle.signedAt === 0) throw new Error("the bundle has no number or no date");
  requireAscending(bundle.revocations.map(({ number }) => number));
  return bundle;
}

/** The bytes that are signed for a complete bundle. */
export function trustBundleSignedBytes(bundle: Uint8Array): Uint8Array {
  return Buffer.concat([SIGNING_CONTEXT, bundle]);
}

/** The bytes that a server answers. */
export function encodeSignedTrustBundle(signed: SignedTrustBundle): Uint8Array {
  return new CanonicalWriter()
    .bytes(1, signed.bundle)
    .bytes(2, signed.signature)
    .messages(3, signed.certificates)
    .number(4, signed.baseNumber)
    .numbers(5, signed.removed)
    .finish();
}

/** Reads a server's answer; nothing in it is to be believed. Throws an Error that names what is wrong with it. */
export function decodeSignedTrustBundle(bytes: Uint8Array): SignedTrustBundle {
  const reader = new CanonicalReader(bytes);
  const signed = {
    bundle: reader.bytes(1),
    signature: reader.bytes(2),
    certificates: reader.messages(3),
    baseNumber: reader.safeNumber(4),
    removed: reader.safeNumbers(5),
  };
  reader.end();
  requireAscending(signed.removed);
  return signed;
}

/** What to send to somebody who has `base`: the revocations that `bundle` has and `base` has not, and the other way round. */
export function trustBundleDelta(
  base: TrustBundle,
  bundle: TrustBundle,
): Pick<SignedTrustBundle, "bundle" | "removed"> {
  const [had, has] = [base, bundle].map(({ revocations }) => new Set(revocations.map(({ number }) => number)));
  const added = bundle.revocations.filter(({ number }) => !had?.has(number));
  const removed = base.revocations.map(({ number }) => number).filter((number) => !has?.has(number));
  return { bundle: encodeTrustBundle({ ...bundle, revocations: added }), removed };
}

/** The complete bundle, from an update and the bundle it is based on. Its signature tells whether it is the right one. */
export function applyTrustBundleDelta(base: TrustBundle, signed: SignedTrustBundle): SignedTrustBundle {
  if (signed.baseNumber !== base.number) {
    throw new Error(`the update is to bundle ${signed.baseNumber}, and the one at hand is ${base.number}`);
  }
  const update = decodeTrustBundle(signed.bundle);
  const gone = new Set(signed.removed);
  const revocations = [...base.revocations.filter(({ number }) => !gone.has(number)), ...update.revocations].toSorted(
    (one, other) => one.number - other.number,
  );
  const bundle = encodeTrustBundle({ ...update, revocations });
  return { ...signed, bundle, baseNumber: 0, removed: [] };
}

function decodeKey(bytes: Uint8Array): BundledKey {
  const reader = new CanonicalReader(bytes);
  const key = { keyId: reader.string(1), certificate: reader.bytes(2) };
  reader.end();
  if (key.keyId === "" || key.certificate.length === 0) throw new Error("a key has no id or no certificate");
  return key;
}

function requireAscending(numbers: readonly number[]): void {
  if (numbers.some((number, at) => number <= (numbers[at - 1] ?? 0))) {
    throw new Error("the revocations are not in ascending order");
  }
}
