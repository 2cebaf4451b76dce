import { verify } from "node:crypto";
import { ErrorCode, type MintMachineTokenRequest, SignatureAlgorithm } from "@tokens/api";
import { type Certificate, publicKeyOf, type SubjectPublicKey, whyKeyMayNotSign } from "@tokens/pki";
import { type Refusal, refuseToken } from "../errors.js";

/** How requests are signed by one algorithm. */
interface Scheme {
  /** The only keys that it is made for. */
  readonly fits: (key: SubjectPublicKey) => boolean;
  /** Digest that is signed; null: the bytes themselves. */
  readonly digest: "sha256" | "sha384" | null;
}

const rsa: Scheme = { fits: ({ kind }) => kind === "rsa", digest: "sha256" };
const ecdsa = (curve: string, digest: "sha256" | "sha384"): Scheme => ({
  fits: (key) => key.kind === "ec" && key.curve === curve,
  digest,
});

/** The algorithms that LUCI's token server does not know. */
const EC_SCHEMES: ReadonlyMap<SignatureAlgorithm, Scheme> = new Map([
  [SignatureAlgorithm.SHA256_ECDSA_P256_ALGO, ecdsa("P-256", "sha256")],
  [SignatureAlgorithm.SHA384_ECDSA_P384_ALGO, ecdsa("P-384", "sha384")],
  [SignatureAlgorithm.ED25519_ALGO, { fits: ({ kind }) => kind === "ed25519", digest: null }],
]);

/** Whether a request says that an EC or Ed25519 key signed it. */
export function isEcAlgorithm(algorithm: SignatureAlgorithm): boolean {
  return EC_SCHEMES.has(algorithm);
}

/**
 * Refuses a signature that is not of the certificate's key. What the key is decides: the algorithm that the request names
 * must be the one for such keys, and with `mayBeEc` saying no it must be RSA's. Throws a Refusal.
 */
export function requireSignature(
  call: MintMachineTokenRequest,
  algorithm: SignatureAlgorithm,
  { publicKey }: Certificate,
  mayBeEc: () => boolean,
): void {
  const isRsa = algorithm === SignatureAlgorithm.SHA256_RSA_ALGO;
  const scheme = isRsa ? rsa : EC_SCHEMES.get(algorithm);
  if (!scheme || (!isRsa && !mayBeEc())) throw unsupportedSignature(algorithm);
  const misfit = `signature_algorithm does not fit a key of kind ${publicKey.kind}`;
  // LUCI's server says so of everything but RSA, and BAD_SIGNATURE of RSA with other keys.
  if (!isRsa && !scheme.fits(publicKey)) throw unsupportedSignature(algorithm, misfit);
  // The machine chose its key: one that anybody can sign for (a public exponent of 1, say) must not get this far.
  const reason = scheme.fits(publicKey) ? whyKeyMayNotSign(publicKey) : misfit;
  if (reason !== undefined) throw badSignature(reason);
  if (!verify(scheme.digest, call.serializedTokenRequest, publicKeyOf(publicKey), call.signature)) {
    throw badSignature("it was not made with the key of the certificate");
  }
}

/** The refusal of an algorithm that is not taken. */
export function unsupportedSignature(algorithm: SignatureAlgorithm, detail?: string): Refusal {
  const name = SignatureAlgorithm[algorithm] ?? String(algorithm);
  return refuseToken(ErrorCode.UNSUPPORTED_SIGNATURE, `signature_algorithm ${name} is not supported`, detail);
}

function badSignature(reason: string): Error {
  return refuseToken(ErrorCode.BAD_SIGNATURE, `signature verification failed - ${reason}`);
}
