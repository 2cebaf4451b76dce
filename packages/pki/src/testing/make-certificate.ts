import { constants, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { bits, context, der, integer, name, oid, sequence, time } from "./der-writer.js";

/** How something is signed: `sha256` with the key's usual algorithm, another hash, or RSA-PSS. */
export type SigningHash = "sha1" | "sha256" | "sha384" | "sha512" | "pss-sha256";

/** What a certificate says. Everything that is left out is made up as for a good certificate. */
export interface CertificateSpec {
  readonly version?: number;
  readonly serial?: bigint;
  /** A common name, or a whole name in DER. */
  readonly subject: string | Uint8Array;
  readonly issuer: string | Uint8Array;
  /** A date, or any time element in DER. */
  readonly notBefore?: Date | Uint8Array;
  readonly notAfter?: Date | Uint8Array;
  /** A key of either kind, or any SubjectPublicKeyInfo in DER. */
  readonly publicKey: KeyObject | Uint8Array;
  readonly signer: KeyObject;
  readonly hash?: SigningHash;
  readonly extensions?: readonly Uint8Array[];
  /** Further elements at the end of the signed part. */
  readonly rest?: readonly Uint8Array[];
}

/** Makes a key on P-256, which is quick. */
export function makeKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** A positive number of 16 bytes. */
export function randomSerial(): bigint {
  return BigInt(`0x7f${randomBytes(15).toString("hex")}`);
}

/** Makes a certificate, right or wrong, in DER. */
export function makeCertificate(spec: CertificateSpec): Buffer {
  const { version = 3, extensions = [], rest = [], signer, hash = "sha256" } = spec;
  const tbs = sequence(
    ...(version === 1 ? [] : [context(0, integer(version - 1))]),
    integer(spec.serial ?? randomSerial()),
    signatureAlgorithm(signer, hash),
    nameOf(spec.issuer),
    sequence(timeOf(spec.notBefore ?? new Date("2020-01-01")), timeOf(spec.notAfter ?? new Date("2049-01-01"))),
    nameOf(spec.subject),
    publicKeyInfo(spec.publicKey),
    ...(extensions.length > 0 ? [context(3, sequence(...extensions))] : []),
    ...rest,
  );
  return signed(tbs, signer, hash);
}

const nameOf = (given: string | Uint8Array) => (typeof given === "string" ? name(`CN=${given}`) : given);
const timeOf = (given: Date | Uint8Array) => (given instanceof Date ? time(given) : given);

function publicKeyInfo(key: KeyObject | Uint8Array): Uint8Array {
  if (key instanceof Uint8Array) return key;
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  return publicKey.export({ type: "spki", format: "der" });
}

/** The signed part, the algorithm and the signature: the frame of certificates and revocation lists. */
export function signed(tbs: Uint8Array, signer: KeyObject, hash: SigningHash = "sha256"): Buffer {
  const algorithm = signer.asymmetricKeyType === "ed25519" ? null : hash.replace("pss-", "");
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  const signature = sign(algorithm, tbs, { key: signer, ...(hash.startsWith("pss-") ? pss : {}) });
  return sequence(tbs, signatureAlgorithm(signer, hash), bits(signature));
}

const RSA: Record<string, string> = { sha1: "5", sha256: "11", sha384: "12", sha512: "13" };
const ECDSA: Record<string, string> = { sha1: "1", sha256: "3.2", sha384: "3.3", sha512: "3.4" };

/** The AlgorithmIdentifier of a signature. */
export function signatureAlgorithm({ asymmetricKeyType }: KeyObject, hash: SigningHash): Buffer {
  if (asymmetricKeyType === "ed25519") return sequence(oid("1.3.101.112"));
  if (asymmetricKeyType === "ec") return sequence(oid(`1.2.840.10045.4.${ECDSA[hash]}`));
  if (hash !== "pss-sha256") return sequence(oid(`1.2.840.113549.1.1.${RSA[hash]}`), der(0x05));
  const sha256 = sequence(oid("2.16.840.1.101.3.4.2.1"), der(0x05));
  const mgf1 = sequence(oid("1.2.840.113549.1.1.8"), sha256);
  return sequence(
    oid("1.2.840.113549.1.1.10"),
    sequence(context(0, sha256), context(1, mgf1), context(2, integer(32))),
  );
}
