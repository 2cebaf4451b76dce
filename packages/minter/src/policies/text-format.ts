import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { findMisfit, UnreadableText, type WrittenField } from "./text-places.js";

/** What a text says, and where each part of it stands. */
export interface ReadText<Desc extends DescMessage, Raw> {
  readonly message: MessageShape<Desc>;
  readonly fields: readonly WrittenField<Raw>[];
}

/** Reads protobuf text format, as LUCI's files are written. Throws UnreadableText. */
export function readTextFormat<Desc extends DescMessage>(schema: Desc, text: string): ReadText<Desc, string> {
  const scanned = scanTextFormat(text);
  try {
    return { message: fromText(schema, text), fields: scanned };
  } catch (error) {
    // The library says what is wrong and not where: the first field that cannot be read alone is the place.
    const readAlone = (inner: DescMessage, { name, raw }: WrittenField<string>) => fromText(inner, name + raw);
    const reason = error instanceof Error ? error.message : "unreadable";
    throw findMisfit(schema, scanned, readAlone) ?? new UnreadableText(reason, 0, error);
  }
}

/** The fields of a text, and where they stand. Throws UnreadableText where it ceases to be text format. */
export function scanTextFormat(text: string): WrittenField<string>[] {
  return new Scanner(text).readFields(undefined);
}

/** A comment ends with its line; `.` in its place would also end it at a carriage return and at U+2028. */
const BLANK = /(?:\s|#[^\n]*)*/y;
const WORD = /[A-Za-z0-9_.+-]+|\[[^\]\n]*\]/y;
const STRING = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/y;
const CLOSING: Readonly<Record<string, string>> = { "{": "}", "<": ">" };

/** How deep messages may lie within each other: as deep as the protobuf library goes. */
const MAX_DEPTH = 100;

class Scanner {
  readonly #text: string;
  #offset = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Reads fields up to the closing bracket, or up to the end of the text. */
  readFields(closing: string | undefined): WrittenField<string>[] {
    const fields: WrittenField<string>[] = [];
    if (++this.#depth > MAX_DEPTH) throw this.#unreadable("messages lie too deep within each other");
    for (;;) {
      this.#skip(BLANK);
      if (this.#offset === this.#text.length && closing === undefined) break;
      if (closing !== undefined && this.#take(closing)) break;
      fields.push(...this.#readField());
      this.#skip(BLANK);
      if (!this.#take(",")) this.#take(";");
    }
    this.#depth--;
    return fields;
  }

  #readField(): WrittenField<string>[] {
    const offset = this.#offset;
    const name = this.#skip(WORD);
    if (name === "") throw this.#unreadable("expected the name of a field");
    const afterName = this.#offset;
    this.#skip(BLANK);
    this.#take(":");
    this.#skip(BLANK);
    if (this.#take("[")) return this.#readList(name);
    const fields = this.#readValue();
    return [{ name, offset, raw: this.#text.slice(afterName, this.#offset), fields }];
  }

  #readList(name: string): WrittenField<string>[] {
    const entries: WrittenField<string>[] = [];
    this.#skip(BLANK);
    if (this.#take("]")) return entries;
    for (;;) {
      this.#skip(BLANK);
      const offset = this.#offset;
      const fields = this.#readValue();
      const raw = `: ${this.#text.slice(offset, this.#offset)}`;
      entries.push({ name, offset, raw, fields });
      this.#skip(BLANK);
      if (this.#take("]")) return entries;
      if (!this.#take(",")) throw this.#unreadable('expected "," or "]"');
    }
  }

  /** Skips a value; the fields in it, where it is a message. */
  #readValue(): WrittenField<string>[] | undefined {
    const opening = this.#text[this.#offset] ?? "";
    const closing = CLOSING[opening];
    if (closing !== undefined) {
      this.#offset++;
      return this.readFields(closing);
    }
    if (opening === '"' || opening === "'") this.#readStrings();
    else {
      if (this.#take("-")) this.#skip(BLANK);
      if (this.#skip(WORD) === "") throw this.#unreadable("expected a value");
    }
    return undefined;
  }

  /** Strings that follow each other are one value. */
  #readStrings(): void {
    for (;;) {
      if (this.#skip(STRING) === "") throw this.#unreadable("the string does not end on its line");
      const end = this.#offset;
      this.#skip(BLANK);
      if (!/["']/.test(this.#text[this.#offset] ?? "")) {
        this.#offset = end;
        return;
      }
    }
  }

  #take(letter: string): boolean {
    if (this.#text[this.#offset] !== letter) return false;
    this.#offset++;
    return true;
  }

  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#offset += found.length;
    return found;
  }

  #unreadable(message: string): UnreadableText {
    const found = this.#text[this.#offset];
    return new UnreadableText(
      `${message}, got ${found === undefined ? "the end" : JSON.stringify(found)}`,
      this.#offset,
    );
  }
}
