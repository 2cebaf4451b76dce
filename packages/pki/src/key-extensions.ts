import { type DerReader, readBits, readBoolean, readInteger, TAG } from "./der.js";
import { MalformedInput } from "./errors.js";

/** Uses of a key that matter here, by their bit (RFC 5280 §4.2.1.3). */
export type KeyUsage = "digitalSignature" | "keyCertSign" | "cRLSign";
const KEY_USAGE_BITS: [KeyUsage, number][] = [
  ["digitalSignature", 0],
  ["keyCertSign", 5],
  ["cRLSign", 6],
];
const KEY_USAGES = 9;

/** What a certificate's key is for. */
export interface KeyExtensions {
  /** basicConstraints: whether the certificate is one of a CA. */
  readonly isCa: boolean;
  /** basicConstraints: how many CAs may stand below this one; undefined for any number. */
  readonly pathLength: number | undefined;
  /** keyUsage; undefined when absent: any use. */
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined;
  /** extendedKeyUsage as object identifiers; undefined when absent: any use. */
  readonly extendedKeyUsage: readonly string[] | undefined;
}

/** RFC 5280 §4.2.1.9. */
export function readBasicConstraints(value: DerReader): Pick<KeyExtensions, "isCa" | "pathLength"> {
  const what = "basic constraints";
  const constraints = value.enter(TAG.sequence, what);
  const ca = constraints.optional(TAG.boolean, what);
  const length = constraints.optional(TAG.integer, what);
  constraints.end(what);
  const isCa = ca !== undefined && readBoolean(ca.content, what);
  if (!length) return { isCa, pathLength: undefined };
  const pathLength = readInteger(length.content, what);
  if (pathLength < 0n) throw new MalformedInput(`${what}: a negative path length`);
  return { isCa, pathLength: Number(pathLength) };
}

/** RFC 5280 §4.2.1.3. */
export function readKeyUsage(value: DerReader): Pick<KeyExtensions, "keyUsage"> {
  const has = readBits(value.read(TAG.bitString, "key usage").content, "key usage");
  let any = false;
  for (let bit = 0; bit < KEY_USAGES; bit++) any ||= has(bit);
  if (!any) {
    // Readers that let this pass take it for absent.
    value.deviate("key usage: no use at all");
    return { keyUsage: undefined };
  }
  const keyUsage = new Set<KeyUsage>();
  for (const [name, bit] of KEY_USAGE_BITS) if (has(bit)) keyUsage.add(name);
  return { keyUsage };
}

/** RFC 5280 §4.2.1.12. */
export function readExtendedKeyUsage(value: DerReader): Pick<KeyExtensions, "extendedKeyUsage"> {
  const what = "extended key usage";
  const list = value.enter(TAG.sequence, what);
  const uses: string[] = [];
  while (!list.done) uses.push(list.oid(what));
  return { extendedKeyUsage: uses };
}
