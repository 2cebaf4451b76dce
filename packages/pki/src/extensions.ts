import { constructedContextTag, contextTag, DerReader, readBoolean, readInteger, readOid, TAG } from "./der.js";
import { MalformedInput } from "./errors.js";

/** What a certificate's extensions say (RFC 5280 §4.2). */
export interface CertificateExtensions {
  /** basicConstraints: whether the certificate is one of a CA. */
  readonly isCa: boolean;
  /** basicConstraints: how many CAs may stand below this one; undefined for any number. */
  readonly pathLength: number | undefined;
  /** keyUsage; undefined when absent: any use. */
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined;
  /** extendedKeyUsage as object identifiers; undefined when absent: any use. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** DNS names of subjectAltName in order. */
  readonly dnsNames: readonly string[];
  readonly hasNameConstraints: boolean;
  /** Object identifiers of the extensions that are critical and mean nothing to this package. */
  readonly unknownCritical: readonly string[];
}

/** Uses of a key that matter here, by their bit (RFC 5280 §4.2.1.3). */
export type KeyUsage = "digitalSignature" | "keyCertSign" | "cRLSign";
const KEY_USAGE_BITS: [KeyUsage, number][] = [
  ["digitalSignature", 0],
  ["keyCertSign", 5],
  ["cRLSign", 6],
];

interface Found extends CertificateExtensions {
  isCa: boolean;
  pathLength: number | undefined;
  keyUsage: ReadonlySet<KeyUsage> | undefined;
  extendedKeyUsage: readonly string[] | undefined;
  dnsNames: readonly string[];
  hasNameConstraints: boolean;
  unknownCritical: string[];
}

/** The extensions that are understood. Certificate policies are: any policy is fine. */
const readers: Record<string, (value: DerReader, found: Found) => void> = {
  "2.5.29.15": readKeyUsage,
  "2.5.29.17": readSubjectAltName,
  "2.5.29.19": readBasicConstraints,
  "2.5.29.30": (value, found) => {
    value.read(TAG.sequence, "name constraints");
    found.hasNameConstraints = true;
  },
  "2.5.29.32": (value) => void value.read(TAG.sequence, "certificate policies"),
  "2.5.29.37": readExtendedKeyUsage,
};

/** Reads the extensions, or none. Each may be there once. Throws MalformedInput. */
export function readExtensions(list: DerReader | undefined): CertificateExtensions {
  const found: Found = {
    isCa: false,
    pathLength: undefined,
    keyUsage: undefined,
    extendedKeyUsage: undefined,
    dnsNames: [],
    hasNameConstraints: false,
    unknownCritical: [],
  };
  const seen = new Set<string>();
  while (list && !list.done) {
    const extension = list.enter(TAG.sequence, "extension");
    const oid = readOid(extension.read(TAG.oid, "extension").content, "extension");
    const critical = extension.optional(TAG.boolean, "extension");
    const isCritical = critical !== undefined && readBoolean(critical.content, "extension");
    const value = new DerReader(extension.read(TAG.octetString, "extension").content);
    extension.end("extension");
    if (seen.has(oid)) throw new MalformedInput(`extension ${oid} is there twice`);
    seen.add(oid);
    const read = Object.hasOwn(readers, oid) ? readers[oid] : undefined;
    if (read) {
      read(value, found);
      value.end(`extension ${oid}`);
    } else if (isCritical) found.unknownCritical.push(oid);
  }
  return found;
}

/** RFC 5280 §4.2.1.9. */
function readBasicConstraints(value: DerReader, found: Found): void {
  const what = "basic constraints";
  const constraints = value.enter(TAG.sequence, what);
  const ca = constraints.optional(TAG.boolean, what);
  const length = constraints.optional(TAG.integer, what);
  constraints.end(what);
  found.isCa = ca !== undefined && readBoolean(ca.content, what);
  if (!length) return;
  const pathLength = readInteger(length.content, what);
  if (pathLength < 0n) throw new MalformedInput(`${what}: a negative path length`);
  found.pathLength = Number(pathLength);
}

/** RFC 5280 §4.2.1.3: the first bit is the highest of the first byte. */
function readKeyUsage(value: DerReader, found: Found): void {
  const [unused = 8, ...bytes] = value.read(TAG.bitString, "key usage").content;
  if (unused > 7 || (bytes.length === 0 && unused > 0)) throw new MalformedInput("key usage: not a bit string");
  const has = (bit: number) => (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
  found.keyUsage = new Set(KEY_USAGE_BITS.filter(([, bit]) => has(bit)).map(([name]) => name));
}

/** RFC 5280 §4.2.1.12. */
function readExtendedKeyUsage(value: DerReader, found: Found): void {
  const what = "extended key usage";
  const list = value.enter(TAG.sequence, what);
  const uses: string[] = [];
  while (!list.done) uses.push(readOid(list.read(TAG.oid, what).content, what));
  found.extendedKeyUsage = uses;
}

/** RFC 5280 §4.2.1.6: of the nine forms of a name only dNSName, [2], matters here. */
function readSubjectAltName(value: DerReader, found: Found): void {
  const what = "subject alternative name";
  const list = value.enter(TAG.sequence, what);
  const names: string[] = [];
  while (!list.done) {
    const { tag, content } = list.any(what);
    const known =
      (tag >= contextTag(0) && tag <= contextTag(8)) ||
      (tag >= constructedContextTag(0) && tag <= constructedContextTag(8));
    if (!known) throw new MalformedInput(`${what}: an unknown form of a name`);
    if (tag !== contextTag(2)) continue;
    if (content.some((byte) => byte > 0x7f)) throw new MalformedInput(`${what}: a DNS name outside ASCII`);
    names.push(Buffer.from(content).toString("latin1"));
  }
  found.dnsNames = names;
}
