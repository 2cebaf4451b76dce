import { constructedContextTag, contextTag, DerReader, readInteger, readWholeBytes, TAG } from "./der.js";
import { type DistinguishedName, readName } from "./distinguished-name.js";
import { MalformedInput } from "./errors.js";
import { type CertificateExtensions, readExtensions } from "./extensions.js";
import { readPublicKey, type SubjectPublicKey } from "./public-key.js";
import { readSignatureAlgorithm, type SignatureAlgorithm } from "./signature.js";
import { readTime } from "./time.js";

/** Largest certificate that is read, in bytes. Those of machines have one or two thousand. */
export const MAX_CERTIFICATE_BYTES: number = 16 * 1024;

/** An X.509 certificate as RFC 5280 §4.1 describes it: read strictly, not yet trusted. */
export interface Certificate extends CertificateExtensions {
  readonly der: Uint8Array;
  /** The signed part. */
  readonly tbs: Uint8Array;
  /** 1 to 3. */
  readonly version: number;
  /** Not negative. */
  readonly serial: bigint;
  /** The serial number, unsigned and big-endian, without leading zero bytes; empty for 0. */
  readonly serialMagnitude: Uint8Array;
  readonly issuer: DistinguishedName;
  readonly subject: DistinguishedName;
  /** DNS names of subjectAltName in order. */
  readonly dnsNames: readonly string[];
  /** First and last second at which the certificate is valid, unix time. */
  readonly notBeforeSeconds: number;
  readonly notAfterSeconds: number;
  readonly publicKey: SubjectPublicKey;
  /** The key as it stands in the certificate: SubjectPublicKeyInfo in DER. */
  readonly publicKeyInfo: Uint8Array;
  /** undefined when it is none that may sign certificates. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  readonly signature: Uint8Array;
  /** Where the certificate is not written as RFC 5280 and X.690 demand, though many readers take it. */
  readonly deviations: readonly string[];
  /** What the check of paths found out about it before. */
  readonly memory: Memory;
}

/** A place in an object for what is found out about it later, which goes when that goes. It is no part of what the object says. */
class Memory {
  #found: unknown;

  get found(): unknown {
    return this.#found;
  }

  set found(value: unknown) {
    this.#found = value;
  }
}

/** Reads one certificate in DER; nothing may follow it. Throws MalformedInput. */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_CERTIFICATE_BYTES)
    throw new MalformedInput(`certificate: more than ${MAX_CERTIFICATE_BYTES} bytes`);
  const deviations: string[] = [];
  // Views of a plain array are made faster than those of a Buffer.
  const whole = new DerReader(new Uint8Array(der.buffer, der.byteOffset, der.length));
  const certificate = whole.read(TAG.sequence, "certificate").open(deviations);
  whole.end("certificate");
  const tbs = certificate.read(TAG.sequence, "certificate");
  const algorithm = certificate.read(TAG.sequence, "signature algorithm");
  const signature = readWholeBytes(certificate.read(TAG.bitString, "signature").content, "signature");
  certificate.end("certificate");
  const signed = certificate.within(tbs);
  const fields = readFields(signed, algorithm.raw);
  const extensions = readExtensions(findExtensions(signed, fields.version));
  return {
    der,
    tbs: tbs.raw,
    signatureAlgorithm: readSignatureAlgorithm(algorithm.content),
    signature,
    deviations,
    dnsNames: dnsNamesOf(extensions),
    memory: new Memory(),
    // Spread last: properties that come after what was spread cost far more to add.
    ...fields,
    ...extensions,
  };
}

/** TBSCertificate, RFC 5280 §4.1.2, field by field up to the extensions. */
function readFields(tbs: DerReader, outerAlgorithm: Uint8Array) {
  const version = readVersion(tbs);
  const { serial, serialMagnitude } = readSerial(tbs);
  const innerAlgorithm = tbs.read(TAG.sequence, "signature algorithm").raw;
  // §4.1.1.2: the algorithm outside is not signed, so it must be the one inside.
  if (Buffer.compare(innerAlgorithm, outerAlgorithm) !== 0)
    throw new MalformedInput("signature algorithm: not the signed one");
  const issuer = readName(tbs, "issuer");
  const validity = tbs.enter(TAG.sequence, "validity");
  const notBeforeSeconds = readTime(validity, "notBefore");
  const notAfterSeconds = readTime(validity, "notAfter");
  validity.end("validity");
  const subject = readName(tbs, "subject");
  const keyInfo = tbs.read(TAG.sequence, "public key");
  const publicKey = readPublicKey(tbs.within(keyInfo));
  return {
    version,
    serial,
    serialMagnitude,
    issuer,
    subject,
    notBeforeSeconds,
    notAfterSeconds,
    publicKey,
    publicKeyInfo: keyInfo.raw,
  };
}

/** §4.1.2.2. */
function readSerial(tbs: DerReader): Pick<Certificate, "serial" | "serialMagnitude"> {
  const { content } = tbs.read(TAG.integer, "serial number");
  const serial = readInteger(content, "serial number");
  if (serial < 0n) throw new MalformedInput("serial number: negative");
  return { serial, serialMagnitude: content[0] === 0 ? content.subarray(1) : content };
}

function dnsNamesOf({ alternativeNames = [] }: CertificateExtensions): string[] {
  return alternativeNames.flatMap((name) => (name.form === "dns" ? [name.value] : []));
}

/** §4.1.2.1: absent means version 1. */
function readVersion(tbs: DerReader): number {
  const element = tbs.optional(constructedContextTag(0), "version");
  if (!element) return 1;
  const reader = tbs.within(element);
  const number = readInteger(reader.read(TAG.integer, "version").content, "version");
  reader.end("version");
  if (number < 0n || number > 2n) throw new MalformedInput("version: unknown");
  return Number(number) + 1;
}

/** §4.1.2.8 and §4.1.2.9: unique identifiers from version 2 on, extensions from version 3 on. */
function findExtensions(tbs: DerReader, version: number): DerReader | undefined {
  if (version >= 2) {
    tbs.optional(contextTag(1), "issuer unique identifier");
    tbs.optional(contextTag(2), "subject unique identifier");
  }
  const element = version === 3 ? tbs.optional(constructedContextTag(3), "extensions") : undefined;
  tbs.end("certificate");
  if (!element) return undefined;
  const outer = tbs.within(element);
  const list = outer.enter(TAG.sequence, "extensions");
  outer.end("extensions");
  return list;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----\r?\n?/;

/**
 * Reads one certificate in PEM. There is exactly one block, of type CERTIFICATE; text may stand before it, but nothing
 * after it. Throws MalformedInput.
 */
export function parseCertificatePem(text: string): Certificate {
  const match = BLOCK.exec(text);
  if (!match) throw new MalformedInput("not a valid PEM certificate");
  if (match[1] !== "CERTIFICATE") throw new MalformedInput(`PEM block is of type ${match[1]}, expected CERTIFICATE`);
  if (match.index + match[0].length !== text.length) throw new MalformedInput("something follows the PEM certificate");
  const base64 = (match[2] ?? "").replace(/[\r\n]/g, "");
  const der = Buffer.from(base64, "base64");
  if (der.toString("base64") !== base64) throw new MalformedInput("not valid base64 in the PEM certificate");
  return parseCertificate(der);
}
