import { constants, verify, type VerifyKeyObjectInput } from "node:crypto";
import { constructedContextTag, DerReader, readInteger, TAG } from "./der.js";
import { publicKeyOf, type SubjectPublicKey } from "./public-key.js";

/** How a certificate is signed. */
export interface SignatureAlgorithm {
  /** For messages. */
  readonly name: string;
  readonly keyKind: SubjectPublicKey["kind"];
  /** undefined for Ed25519, which hashes by itself. */
  readonly hash: "sha256" | "sha384" | "sha512" | undefined;
  readonly pss: boolean;
}

type Hash = "sha256" | "sha384" | "sha512";
const pkcs1 = (hash: Hash): SignatureAlgorithm => ({ name: `RSA with ${hash}`, keyKind: "rsa", hash, pss: false });
const ecdsa = (hash: Hash): SignatureAlgorithm => ({ name: `ECDSA with ${hash}`, keyKind: "ec", hash, pss: false });

/** What may sign certificates. MD5 and SHA-1 are left out: they can be collided. */
const ALGORITHMS: Record<string, SignatureAlgorithm> = {
  "1.2.840.113549.1.1.11": pkcs1("sha256"),
  "1.2.840.113549.1.1.12": pkcs1("sha384"),
  "1.2.840.113549.1.1.13": pkcs1("sha512"),
  "1.2.840.10045.4.3.2": ecdsa("sha256"),
  "1.2.840.10045.4.3.3": ecdsa("sha384"),
  "1.2.840.10045.4.3.4": ecdsa("sha512"),
  "1.3.101.112": { name: "Ed25519", keyKind: "ed25519", hash: undefined, pss: false },
};

const RSA_PSS = "1.2.840.113549.1.1.10";
const MGF1 = "1.2.840.113549.1.1.8";
const HASHES: Record<string, { hash: Hash; bytes: bigint }> = {
  "2.16.840.1.101.3.4.2.1": { hash: "sha256", bytes: 32n },
  "2.16.840.1.101.3.4.2.2": { hash: "sha384", bytes: 48n },
  "2.16.840.1.101.3.4.2.3": { hash: "sha512", bytes: 64n },
};

/** Reads an AlgorithmIdentifier's content; undefined for algorithms that are not allowed. Throws MalformedInput. */
export function readSignatureAlgorithm(content: Uint8Array): SignatureAlgorithm | undefined {
  const reader = new DerReader(content);
  const oid = reader.oid("signature algorithm");
  if (oid === RSA_PSS) return readPss(reader);
  const algorithm = ALGORITHMS[oid];
  const parameters = algorithm?.keyKind === "rsa" ? reader.optional(TAG.null, "signature algorithm") : undefined;
  return algorithm && reader.done && !parameters?.length ? algorithm : undefined;
}

/** RFC 4055 §3.1, as everybody uses it: one hash for both, a salt as long as the hash, the usual trailer. */
function readPss(reader: DerReader): SignatureAlgorithm | undefined {
  const what = "RSA-PSS parameters";
  const parameters = reader.enter(TAG.sequence, what);
  const field = (number: number) => {
    const element = parameters.optional(constructedContextTag(number), what);
    return element && element.open();
  };
  const [hashField, mgfField, saltField, trailerField] = [field(0), field(1), field(2), field(3)];
  parameters.end(what);
  reader.end(what);
  const hash = hashField && readHash(hashField);
  const mgf = mgfField?.enter(TAG.sequence, what);
  const isMgf1 = mgf !== undefined && mgf.oid(what) === MGF1;
  const mgfHash = isMgf1 ? readHash(mgf) : undefined;
  const salt = saltField && readInteger(saltField.read(TAG.integer, what).content, what);
  const trailer = trailerField ? readInteger(trailerField.read(TAG.integer, what).content, what) : 1n;
  if (!hash || mgfHash?.hash !== hash.hash || salt !== hash.bytes || trailer !== 1n) return undefined;
  for (const read of [hashField, mgf, mgfField, saltField, trailerField]) read?.end(what);
  return { name: `RSA-PSS with ${hash.hash}`, keyKind: "rsa", hash: hash.hash, pss: true };
}

function readHash(reader: DerReader): { hash: Hash; bytes: bigint } | undefined {
  const algorithm = reader.enter(TAG.sequence, "hash algorithm");
  const oid = algorithm.oid("hash algorithm");
  algorithm.optional(TAG.null, "hash algorithm");
  algorithm.end("hash algorithm");
  return HASHES[oid];
}

/** Sizes of RSA keys with which signatures are checked at all, whatever a policy allows. */
const MIN_RSA_BITS = 1024;
const MAX_RSA_BITS = 16_384;

/** With an exponent of 1 anybody can sign; an even one belongs to no key. */
function isHopeless(key: SubjectPublicKey): boolean {
  if (key.kind !== "rsa") return key.kind === "other";
  const isOfSize = key.modulusBits >= MIN_RSA_BITS && key.modulusBits <= MAX_RSA_BITS;
  return !isOfSize || key.exponent < 3n || key.exponent % 2n === 0n;
}

/**
 * Whether the signature over the bytes is the key's. The algorithm must be made for keys of that kind: it never decides
 * what a key is.
 */
export function verifySignature(
  algorithm: SignatureAlgorithm,
  key: SubjectPublicKey,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (algorithm.keyKind !== key.kind || isHopeless(key)) return false;
  const input: VerifyKeyObjectInput = { key: publicKeyOf(key) };
  if (algorithm.pss) {
    Object.assign(input, { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
  }
  return verify(algorithm.hash, bytes, input, signature);
}
