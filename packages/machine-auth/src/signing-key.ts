import { type KeyObject, X509Certificate } from "node:crypto";

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const MIN_RSA_EXPONENT = 65_537n;

/** Longest key id in characters. */
export const MAX_KEY_ID_LENGTH = 64;

/** One certificate in DER and nothing behind it; undefined for anything else. */
export function readCertificate(der: Uint8Array): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(der);
    return certificate.raw.length === der.length ? certificate : undefined;
  } catch {
    // What cannot be read is told from what can by the answer.
    return undefined;
  }
}

/** The key of a certificate if tokens may be signed with it: with a small exponent anybody can sign. */
export function tokenSigningKey({ publicKey }: X509Certificate): KeyObject | undefined {
  return isStrongRsa(publicKey) ? publicKey : undefined;
}

/** Whether trust bundles may be signed with a key: RSA as for tokens, P-256 or Ed25519. */
export function mayBundlesBeSignedWith(key: KeyObject): boolean {
  if (key.asymmetricKeyType === "ec") return key.asymmetricKeyDetails?.namedCurve === "prime256v1";
  return key.asymmetricKeyType === "ed25519" || isStrongRsa(key);
}

function isStrongRsa({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails ?? {};
  const sizeFits = modulusLength >= MIN_RSA_BITS && modulusLength <= MAX_RSA_BITS;
  return asymmetricKeyType === "rsa" && sizeFits && publicExponent >= MIN_RSA_EXPONENT && publicExponent % 2n === 1n;
}
