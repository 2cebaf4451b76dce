import { type DerReader, TAG } from "./der.js";
import { decodeString } from "./der-string.js";
import { MalformedInput } from "./errors.js";

const COMMON_NAME = "2.5.4.3";

/** Part of a name: its type, and its value as text where it is text, else as hex of the DER. */
export interface NameAttribute {
  readonly type: string;
  readonly value: string;
}

/** A name as in RFC 5280 §4.1.2.4. */
export interface DistinguishedName {
  readonly der: Uint8Array;
  /** The relative names in order; each is a set of attributes. */
  readonly relativeNames: readonly (readonly NameAttribute[])[];
  /** All common names in order. What is in them is up to the CA: control characters too. */
  readonly commonNames: readonly string[];
}

/** Reads the next element as a name. Throws MalformedInput. */
export function readName(reader: DerReader, what: string): DistinguishedName {
  const name = reader.read(TAG.sequence, what);
  const relative = reader.within(name);
  const relativeNames: NameAttribute[][] = [];
  const commonNames: string[] = [];
  while (!relative.done) {
    const attributes = readRelativeName(relative.enter(TAG.set, what), what);
    relativeNames.push(attributes);
    for (const { type, value } of attributes) if (type === COMMON_NAME) commonNames.push(value);
  }
  return { der: name.raw, relativeNames, commonNames };
}

function readRelativeName(reader: DerReader, what: string): NameAttribute[] {
  const attributes: NameAttribute[] = [];
  while (!reader.done) {
    const attribute = reader.enter(TAG.sequence, what);
    const type = attribute.oid(what);
    const element = attribute.any(what);
    attribute.end(what);
    const text = decodeString(element, what);
    if (text === undefined && type === COMMON_NAME) throw new MalformedInput(`${what}: a common name that is not text`);
    attributes.push({ type, value: text ?? `#${Buffer.from(element.raw).toString("hex")}` });
  }
  if (attributes.length === 0) reader.deviate(`${what}: an empty relative name`);
  return attributes;
}

/** Whether a name says nothing. */
export function isEmptyName({ relativeNames }: DistinguishedName): boolean {
  return relativeNames.length === 0;
}

/**
 * Whether two names are the same by RFC 5280 §7.1: the same attributes in the same order, text compared without regard to
 * its ASN.1 type, to case, and to how many blanks are in a row.
 */
export function namesMatch(a: DistinguishedName, b: DistinguishedName): boolean {
  return Buffer.compare(a.der, b.der) === 0 || (a.relativeNames.length === b.relativeNames.length && isWithin(a, b));
}

/** Whether a name is in the subtree of another: it begins with the same relative names (RFC 5280 §4.2.1.10). */
export function isWithin(name: DistinguishedName, subtree: DistinguishedName): boolean {
  const [keys, begin] = [canonical(name), canonical(subtree)];
  return begin.every((key, index) => key === keys[index]);
}

const canonicalNames = new WeakMap<DistinguishedName, readonly string[]>();

/** The relative names, each in one spelling; JSON keeps apart what separators in values would blur. */
function canonical(name: DistinguishedName): readonly string[] {
  const known = canonicalNames.get(name);
  if (known) return known;
  const attribute = ({ type, value }: NameAttribute) => JSON.stringify([type, fold(value)]);
  const keys = name.relativeNames.map((attributes) => JSON.stringify(attributes.map(attribute).toSorted()));
  canonicalNames.set(name, keys);
  return keys;
}

function fold(value: string): string {
  return value.normalize("NFKC").toLowerCase().trim().replace(/\s+/g, " ");
}
