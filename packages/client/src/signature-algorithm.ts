import type { KeyObject } from "node:crypto";
import { MachineKeyError } from "./errors.js";

/** How a machine signs its requests. */
export interface SignatureAlgorithm {
  /** Value of the protocol's enum `SignatureAlgorithm`. */
  readonly number: number;
  /** Digest that is signed; null: the bytes themselves. */
  readonly digest: "sha256" | "sha384" | null;
}

const RSA: SignatureAlgorithm = { number: 1, digest: "sha256" };
const ED25519: SignatureAlgorithm = { number: 1002, digest: null };

/** By the name that OpenSSL gives the curve. */
const ECDSA: ReadonlyMap<string | undefined, SignatureAlgorithm> = new Map([
  ["prime256v1", { number: 1000, digest: "sha256" }],
  ["secp384r1", { number: 1001, digest: "sha384" }],
]);

/** The one algorithm that a key signs with. Throws MachineKeyError for a key that cannot be used. */
export function signatureAlgorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails }: KeyObject): SignatureAlgorithm {
  if (type === "rsa") return RSA;
  if (type === "ed25519") return ED25519;
  const curve = asymmetricKeyDetails?.namedCurve;
  const ecdsa = type === "ec" ? ECDSA.get(curve) : undefined;
  if (ecdsa) return ecdsa;
  const kind = [type, curve].filter(Boolean).join(" ");
  throw new MachineKeyError(`not a supported kind of key: ${kind}, expected RSA, EC P-256, EC P-384 or Ed25519`);
}
