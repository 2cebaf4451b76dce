import { type KeyObject, sign } from "node:crypto";
import { basicConstraints, extendedKeyUsage, keyUsage, TestCa } from "@tokens/pki/testing";
import { toPem } from "@tokens/pki/x509";
import {
  encodeSignedTrustBundle,
  encodeTrustBundle,
  type SignedTrustBundle,
  TRUST_BUNDLE_KEY_USAGE,
  type TrustBundle,
  trustBundleDelta,
  trustBundleSignedBytes,
} from "../src/trust-bundle.js";
import { ISSUED_AT, type TokenIssuer } from "./token-issuer.js";

type CertificateChanges = NonNullable<Parameters<TestCa["issue"]>[1]>;

/** Whoever signs trust bundles, certified by a CA of its own. */
export interface BundleSigner {
  readonly ca: TestCa;
  readonly caPem: string;
  readonly privateKey: KeyObject;
  /** Signs a bundle. */
  readonly sign: (bundle: TrustBundle, changes?: Partial<SignedTrustBundle>) => Uint8Array;
  /** Signs a bundle for somebody who has `base`. */
  readonly signDelta: (base: TrustBundle, bundle: TrustBundle, changes?: Partial<SignedTrustBundle>) => Uint8Array;
}

/** The extensions of a certificate for signing trust bundles. */
export const signerExtensions = (usage: string = TRUST_BUNDLE_KEY_USAGE): Uint8Array[] => [
  basicConstraints(false),
  keyUsage("digitalSignature"),
  extendedKeyUsage(usage),
];

export function makeBundleSigner(
  changes: CertificateChanges = {},
  ca: TestCa = TestCa.create("Signing CA"),
): BundleSigner {
  const { certificate, privateKey } = ca.issue("bundles", { extensions: signerExtensions(), ...changes });
  const signatureOf = (bundle: TrustBundle) =>
    sign(
      privateKey.asymmetricKeyType === "ed25519" ? null : "sha256",
      trustBundleSignedBytes(encodeTrustBundle(bundle)),
      privateKey,
    );
  const seal = (bundle: TrustBundle, parts: Partial<SignedTrustBundle>) =>
    encodeSignedTrustBundle({
      bundle: encodeTrustBundle(bundle),
      signature: signatureOf(bundle),
      certificates: [certificate],
      baseNumber: 0,
      removed: [],
      ...parts,
    });
  return {
    ca,
    caPem: toPem("CERTIFICATE", ca.certificate),
    privateKey,
    sign: (bundle, parts = {}) => seal(bundle, parts),
    signDelta: (base, bundle, parts = {}) =>
      seal(bundle, { ...trustBundleDelta(base, bundle), baseNumber: base.number, ...parts }),
  };
}

/** A bundle with an issuer's key. */
export function bundleOf(issuer: TokenIssuer, changes: Partial<TrustBundle> = {}): TrustBundle {
  return {
    number: 7,
    signedAt: ISSUED_AT,
    serviceAccount: "minter@example.com",
    keys: [{ keyId: issuer.keyId, certificate: issuer.certificate }],
    revocations: [],
    ...changes,
  };
}
