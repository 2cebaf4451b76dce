import { type KeyObject, verify, type X509Certificate } from "node:crypto";
import { TrustUnavailable } from "./errors.js";
import { requireChain } from "./pinned-ca.js";
import { Revocations } from "./revocations.js";
import { MAX_KEY_ID_LENGTH, mayBundlesBeSignedWith, readCertificate, tokenSigningKey } from "./signing-key.js";
import type { Trust, TrustDemands } from "./trust.js";
import {
  applyTrustBundleDelta,
  type BundledKey,
  decodeSignedTrustBundle,
  decodeTrustBundle,
  type SignedTrustBundle,
  TRUST_BUNDLE_KEY_USAGE,
  type TrustBundle,
  trustBundleSignedBytes,
} from "./trust-bundle.js";

/** A bundle whose signature is good. */
export interface OpenedTrustBundle {
  readonly trust: Trust;
  readonly bundle: TrustBundle;
  /** The complete bundle as it was signed, to be kept. */
  readonly signed: SignedTrustBundle;
}

/**
 * Opens a signed bundle, or an update to `base`: reads it, and checks who signed it. Throws TrustUnavailable BAD_DOCUMENT.
 */
export function openTrustBundle(bytes: Uint8Array, demands: TrustDemands, base?: TrustBundle): OpenedTrustBundle {
  try {
    const signed = complete(decodeSignedTrustBundle(bytes), base);
    checkSigner(signed, demands);
    // From here on: the signer said what the bundle says.
    const bundle = decodeTrustBundle(signed.bundle);
    if (demands.issuer !== undefined && bundle.serviceAccount !== demands.issuer) {
      throw new Error(`it is of ${JSON.stringify(bundle.serviceAccount)} and not of ${JSON.stringify(demands.issuer)}`);
    }
    return { trust: trustOf(bundle), bundle, signed };
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unreadable";
    throw new TrustUnavailable("BAD_DOCUMENT", `the trust bundle cannot be used: ${reason}`, error);
  }
}

function complete(signed: SignedTrustBundle, base: TrustBundle | undefined): SignedTrustBundle {
  if (signed.baseNumber === 0 && signed.removed.length === 0) return signed;
  if (!base) throw new Error("it is an update to a bundle that is not at hand");
  return applyTrustBundleDelta(base, signed);
}

/** The key usage keeps apart what one CA certified for different uses: a token's key must not sign bundles. */
function checkSigner({ bundle, signature, certificates }: SignedTrustBundle, { pinnedCa, nowMs }: TrustDemands): void {
  const [signer, ...cas] = certificates.map(requireCertificate);
  if (!signer) throw new Error("it names no signer");
  if (signer.ca || !signer.keyUsage?.includes(TRUST_BUNDLE_KEY_USAGE)) {
    throw new Error("its signer's certificate is not for signing trust bundles");
  }
  if (pinnedCa) requireChain([signer, ...cas], pinnedCa, nowMs);
  const { publicKey: key } = signer;
  const algorithm = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  if (!mayBundlesBeSignedWith(key) || !verify(algorithm, trustBundleSignedBytes(bundle), key, signature)) {
    throw new Error("its signature is not its signer's");
  }
}

function requireCertificate(der: Uint8Array): X509Certificate {
  const certificate = readCertificate(der);
  if (!certificate) throw new Error("a certificate of its signer cannot be read");
  return certificate;
}

function trustOf({ number, serviceAccount, keys, revocations }: TrustBundle): Trust {
  const issuers = new Map([[serviceAccount, usableKeys(keys)]]);
  return Object.freeze({ issuers, revocations: new Revocations(revocations), number });
}

/**
 * Keys that cannot be used are left out. So is a key that has another id already: with two ids for one key a token could
 * be written in two ways, and the second would not be the one that was revoked.
 */
function usableKeys(bundled: readonly BundledKey[]): ReadonlyMap<string, KeyObject> {
  const keys = new Map<string, KeyObject>();
  for (const { keyId, certificate: der } of bundled) {
    const certificate = readCertificate(der);
    const key = certificate && tokenSigningKey(certificate);
    const isNew = !keys.has(keyId) && ![...keys.values()].some((known) => key?.equals(known));
    if (key && isNew && keyId.length <= MAX_KEY_ID_LENGTH) keys.set(keyId, key);
  }
  return keys;
}
