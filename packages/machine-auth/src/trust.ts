import { type KeyObject, X509Certificate } from "node:crypto";
import { TrustUnavailable } from "./errors.js";
import { Revocations } from "./revocations.js";

/** Who is trusted, and what was revoked. A snapshot: it never changes. */
export interface Trust {
  /** Signing keys by key id, by the e-mail of their owner. */
  readonly issuers: ReadonlyMap<string, ReadonlyMap<string, KeyObject>>;
  readonly revocations: Revocations;
}

const nothingRevoked = new Revocations([]);

/** Largest certificates document, in bytes. */
export const MAX_TRUST_DOCUMENT_BYTES: number = 1024 * 1024;

/** Longest key id in characters. */
const MAX_KEY_ID_LENGTH = 64;

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const MIN_RSA_EXPONENT = 65_537n;

/**
 * Reads the JSON of a token server's `/auth/api/v1/server/certificates`. With `issuer`, the document must be of that
 * account. Keys that cannot be used are left out. Throws TrustUnavailable BAD_DOCUMENT.
 */
export function trustFromCertificates(document: string, options: { readonly issuer?: string } = {}): Trust {
  const { service_account_name: account, certificates, timestamp } = parseObject(document);
  if (timestamp !== undefined && !Number.isInteger(timestamp)) throw bad("its timestamp is not an integer");
  if (typeof account !== "string" || account === "") throw bad("it does not name a service account");
  if (options.issuer !== undefined && account !== options.issuer) {
    throw bad(`it is of ${JSON.stringify(account)} and not of ${JSON.stringify(options.issuer)}`);
  }
  if (certificates !== null && !Array.isArray(certificates)) throw bad("it has no list of certificates");
  const keys = new Map<string, KeyObject>();
  for (const entry of certificates ?? []) addKey(keys, entry as unknown);
  return Object.freeze({ issuers: new Map([[account, keys]]), revocations: nothingRevoked });
}

function bad(reason: string, cause?: unknown): TrustUnavailable {
  return new TrustUnavailable("BAD_DOCUMENT", `the certificates document cannot be used: ${reason}`, cause);
}

function parseObject(document: string): Record<string, unknown> {
  if (document.length > MAX_TRUST_DOCUMENT_BYTES) throw bad("it is too large");
  let value: unknown;
  try {
    value = JSON.parse(document);
  } catch (error) {
    throw bad("it is not JSON", error);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad("it is not a JSON object");
  return value as Record<string, unknown>;
}

/** Adds one entry of the list. The first of two with the same name counts, as for LUCI's reader. */
function addKey(keys: Map<string, KeyObject>, entry: unknown): void {
  if (typeof entry !== "object" || entry === null) throw bad("an entry of its list is not an object");
  const { key_name: name, x509_certificate_pem: pem } = entry as Record<string, unknown>;
  if (typeof name !== "string" || typeof pem !== "string")
    throw bad("an entry of its list lacks a name or a certificate");
  if (name.length > MAX_KEY_ID_LENGTH || keys.has(name)) return;
  const key = readKey(pem);
  if (key) keys.set(name, key);
}

/**
 * The RSA key of the first PEM block, whatever its label, with text before it or not. Dates and names in the certificate
 * mean nothing here: the key is trusted because of where the document came from. Undefined for keys that must not be
 * used: with a small exponent anybody can sign.
 */
function readKey(pem: string): KeyObject | undefined {
  const base64 = /-----BEGIN [^-]+-----\s([A-Za-z0-9+/=\s]+)-----END /.exec(pem)?.[1];
  if (base64 === undefined) return undefined;
  try {
    const der = Buffer.from(base64, "base64");
    const certificate = new X509Certificate(der);
    const { publicKey } = certificate;
    return certificate.raw.length === der.length && isStrongRsa(publicKey) ? publicKey : undefined;
  } catch {
    // One certificate that cannot be read does not make the others useless: its tokens have an unknown key.
    return undefined;
  }
}

function isStrongRsa({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails ?? {};
  const sizeFits = modulusLength >= MIN_RSA_BITS && modulusLength <= MAX_RSA_BITS;
  return asymmetricKeyType === "rsa" && sizeFits && publicExponent >= MIN_RSA_EXPONENT && publicExponent % 2n === 1n;
}
