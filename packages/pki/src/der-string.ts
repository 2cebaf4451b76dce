import type { DerElement } from "./der.js";
import { MalformedInput } from "./errors.js";

const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?*&]*$/;
const NUMERIC = /^[0-9 ]*$/;
const ASCII = /^[\x00-\x7f]*$/; // oxlint-disable-line no-control-regex -- IA5String is all of ASCII

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const utf16 = new TextDecoder("utf-16be", { fatal: true, ignoreBOM: true });
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

function matching(pattern: RegExp): (bytes: Uint8Array) => string {
  return (bytes) => {
    const text = latin1(bytes);
    if (!pattern.test(text)) throw new Error("a character that the type does not have");
    return text;
  };
}

function universal(bytes: Uint8Array): string {
  if (bytes.length % 4 !== 0) throw new Error("not whole characters");
  const view = Buffer.from(bytes);
  let text = "";
  for (let i = 0; i < view.length; i += 4) text += String.fromCodePoint(view.readUInt32BE(i));
  return text;
}

/** The string types of X.680 §41 that names use, by tag. TeletexString is read as Latin-1, as everybody does. */
const decoders: Record<number, (bytes: Uint8Array) => string> = {
  0x0c: (bytes) => utf8.decode(bytes),
  0x12: matching(NUMERIC),
  0x13: matching(PRINTABLE),
  0x14: latin1,
  0x16: matching(ASCII),
  0x1c: universal,
  0x1e: (bytes) => utf16.decode(bytes),
};

/** The text of a string element; undefined when the element is no string. Throws MalformedInput. */
export function decodeString({ tag, content }: DerElement, what: string): string | undefined {
  try {
    return decoders[tag]?.(content);
  } catch (error) {
    throw new MalformedInput(`${what}: text that is not what its type allows`, { cause: error });
  }
}
