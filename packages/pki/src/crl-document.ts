import { constructedContextTag, contextTag, DerReader, readInteger, readOid, readWholeBytes, TAG } from "./der.js";
import { type DistinguishedName, readName } from "./distinguished-name.js";
import { MalformedInput } from "./errors.js";
import { readExtension } from "./extension.js";
import { readPemBlocks } from "./pem.js";
import { readSignatureAlgorithm, type SignatureAlgorithm } from "./signature.js";
import { readTime } from "./time.js";

/** Largest revocation list that is read, in bytes, unless the caller says otherwise. */
export const MAX_CRL_BYTES: number = 128 * 1024 * 1024;

/** What a revocation list covers less than everything its issuer issued. */
export type CrlScope = "complete" | "delta" | "partitioned" | "indirect";

/** A revocation list as RFC 5280 §5 describes it, but for its entries: read strictly, not yet trusted. */
export interface Crl {
  /** The signed part. */
  readonly tbs: Uint8Array;
  /** 1 or 2. */
  readonly version: number;
  readonly issuer: DistinguishedName;
  /** Unix seconds. */
  readonly thisUpdateSeconds: number;
  /** When the next list is due at the latest, unix seconds; undefined if the list does not say. */
  readonly nextUpdateSeconds: number | undefined;
  /** The entries, still to be read. */
  readonly entryBytes: Uint8Array;
  readonly scope: CrlScope;
  /** Counts the issuer's lists up. */
  readonly number: bigint | undefined;
  /** Object identifiers of the critical extensions that are unknown, or never critical. */
  readonly unknownCritical: readonly string[];
  /** Object identifier of the signature's algorithm, and the algorithm, if it is one that may sign. */
  readonly signatureOid: string;
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  readonly signature: Uint8Array;
}

/** The DER of a list that is in DER or PEM. There is one list in it, whatever stands around it. Throws MalformedInput. */
export function decodeCrl(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === TAG.sequence) return bytes;
  const blocks = readPemBlocks(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1"));
  const [list, ...more] = blocks.filter(({ label }) => label === "X509 CRL" || label === "CRL");
  if (!list) throw new MalformedInput("revocation list: neither DER nor PEM of type X509 CRL");
  if (more.length > 0) throw new MalformedInput("revocation list: more than one PEM block");
  return list.bytes;
}

/** Reads a list in DER up to its entries; nothing may follow it. Throws MalformedInput. */
export function parseCrl(der: Uint8Array, maxBytes: number = MAX_CRL_BYTES): Crl {
  if (der.length > maxBytes) throw new MalformedInput(`revocation list: more than ${maxBytes} bytes`);
  const whole = new DerReader(der);
  const list = whole.enter(TAG.sequence, "revocation list");
  whole.end("revocation list");
  const tbs = list.read(TAG.sequence, "revocation list");
  const algorithm = list.read(TAG.sequence, "signature algorithm");
  const signature = readWholeBytes(list.read(TAG.bitString, "signature").content, "signature");
  list.end("revocation list");
  const signed = readSigned(tbs.open(), algorithm.raw);
  const oid = new DerReader(algorithm.content).read(TAG.oid, "signature algorithm");
  return {
    tbs: tbs.raw,
    ...signed,
    signatureOid: readOid(oid.content, "signature algorithm"),
    signatureAlgorithm: readSignatureAlgorithm(algorithm.content),
    signature,
  };
}

/** TBSCertList, RFC 5280 §5.1.2, field by field. */
function readSigned(tbs: DerReader, outerAlgorithm: Uint8Array) {
  const version = readVersion(tbs);
  // §5.1.1.2: the algorithm outside is not signed, so it must be the one inside.
  if (Buffer.compare(tbs.read(TAG.sequence, "signature algorithm").raw, outerAlgorithm) !== 0)
    throw new MalformedInput("signature algorithm: not the signed one");
  const issuer = readName(tbs, "issuer");
  const thisUpdateSeconds = readTime(tbs, "thisUpdate");
  const hasNext = tbs.nextTag === TAG.utcTime || tbs.nextTag === TAG.generalizedTime;
  const nextUpdateSeconds = hasNext ? readTime(tbs, "nextUpdate") : undefined;
  const entries = tbs.optional(TAG.sequence, "entries");
  if (entries?.length === 0) throw new MalformedInput("entries: an empty list, where there should be none");
  const extensions = version === 2 ? tbs.optional(constructedContextTag(0), "extensions") : undefined;
  tbs.end("revocation list");
  const entryBytes = entries?.content ?? new Uint8Array(0);
  return { version, issuer, thisUpdateSeconds, nextUpdateSeconds, entryBytes, ...readExtensions(extensions?.content) };
}

/** §5.1.2.1: absent means version 1, and what is written is 2. */
function readVersion(tbs: DerReader): number {
  const element = tbs.optional(TAG.integer, "version");
  if (!element) return 1;
  if (readInteger(element.content, "version") !== 1n) throw new MalformedInput("version: neither 1 nor 2");
  return 2;
}

interface Found {
  scope: CrlScope;
  number: bigint | undefined;
  unknownCritical: string[];
}

/** The extensions that are understood. Others may be there if they are not critical: they only point to more. */
const READERS: Record<string, (value: DerReader, found: Found, isCritical: boolean, oid: string) => void> = {
  "2.5.29.20": readNumber,
  "2.5.29.27": (value, found) => {
    readInteger(value.read(TAG.integer, "delta indicator").content, "delta indicator");
    found.scope = "delta";
  },
  "2.5.29.28": readIssuingDistributionPoint,
};

/** RFC 5280 §5.2. Each extension may be there once. */
function readExtensions(content: Uint8Array | undefined): Found {
  const found: Found = { scope: "complete", number: undefined, unknownCritical: [] };
  if (!content) return found;
  const outer = new DerReader(content);
  const list = outer.enter(TAG.sequence, "extensions");
  outer.end("extensions");
  if (list.done) throw new MalformedInput("extensions: an empty list");
  const seen = new Set<string>();
  while (!list.done) {
    const { oid, isCritical, value } = readExtension(list);
    if (seen.has(oid)) throw new MalformedInput(`extension ${oid} is there twice`);
    seen.add(oid);
    const read = Object.hasOwn(READERS, oid) ? READERS[oid] : undefined;
    if (read) {
      read(value, found, isCritical, oid);
      value.end(`extension ${oid}`);
    } else if (isCritical) found.unknownCritical.push(oid);
  }
  return found;
}

/** §5.2.3: up to 20 octets, and never critical. */
function readNumber(value: DerReader, found: Found, isCritical: boolean, oid: string): void {
  const { content } = value.read(TAG.integer, "CRL number");
  const number = readInteger(content, "CRL number");
  if (number < 0n || number >= 1n << 160n) throw new MalformedInput("CRL number: negative or of more than 20 octets");
  found.number = number;
  if (isCritical) found.unknownCritical.push(oid);
}

/** §5.2.5: [4] says that the list speaks for other issuers; any other field makes it a part of a whole. */
function readIssuingDistributionPoint(value: DerReader, found: Found): void {
  const what = "issuing distribution point";
  const point = value.enter(TAG.sequence, what);
  if (point.done) throw new MalformedInput(`${what}: empty`);
  point.optional(constructedContextTag(0), what);
  const flags = [1, 2, 3, 4, 5].map((number) => point.optional(contextTag(number), what));
  point.end(what);
  if (found.scope === "complete") found.scope = flags[3] ? "indirect" : "partitioned";
}
