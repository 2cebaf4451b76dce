import { constructedContextTag, contextTag, type DerElement, type DerReader } from "./der.js";
import { type DistinguishedName, readName } from "./distinguished-name.js";
import { MalformedInput } from "./errors.js";

/** A name of one of the nine forms of RFC 5280 §4.2.1.6; four of them are only told apart. */
export type GeneralName =
  | { readonly form: "dns" | "email" | "uri"; readonly value: string }
  | { readonly form: "ip"; readonly bytes: Uint8Array }
  | { readonly form: "directory"; readonly name: DistinguishedName }
  | { readonly form: "otherName" | "x400Address" | "ediPartyName" | "registeredId" };

type Read = (element: DerElement, reader: DerReader, what: string) => GeneralName;

/** IA5String: ASCII. */
const text =
  (form: "dns" | "email" | "uri"): Read =>
  ({ content }, _, what) => {
    if (content.some((byte) => byte > 0x7f)) throw new MalformedInput(`${what}: a name outside ASCII`);
    return { form, value: Buffer.from(content).toString("latin1") };
  };

const directory: Read = (element, reader, what) => {
  const inner = reader.within(element);
  const name = readName(inner, what);
  inner.end(what);
  return { form: "directory", name };
};

const FORMS: Record<number, Read> = {
  [constructedContextTag(0)]: () => ({ form: "otherName" }),
  [contextTag(1)]: text("email"),
  [contextTag(2)]: text("dns"),
  [constructedContextTag(3)]: () => ({ form: "x400Address" }),
  [constructedContextTag(4)]: directory,
  [constructedContextTag(5)]: () => ({ form: "ediPartyName" }),
  [contextTag(6)]: text("uri"),
  [contextTag(7)]: ({ content }) => ({ form: "ip", bytes: content }),
  [contextTag(8)]: () => ({ form: "registeredId" }),
};

/** Reads the next element as a name; undefined for a form that does not exist, which is a deviation. Throws MalformedInput. */
export function readGeneralName(reader: DerReader, what: string): GeneralName | undefined {
  const element = reader.any(what);
  const read = FORMS[element.tag];
  if (!read) reader.deviate(`${what}: an unknown form of a name`);
  return read?.(element, reader, what);
}

/** Reads what is left as names. Throws MalformedInput. */
export function readGeneralNames(reader: DerReader, what: string): GeneralName[] {
  const names: GeneralName[] = [];
  while (!reader.done) {
    const name = readGeneralName(reader, what);
    if (name) names.push(name);
  }
  return names;
}
