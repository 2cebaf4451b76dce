const LENGTH_DELIMITED = 2;
const CONTINUES = 0x80;
/** Longest varint: 64 bits in groups of seven. */
const MAX_VARINT_BYTES = 10;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads protobuf that is written in the one canonical way: fields in ascending order, each once, numbers in their
 * shortest form, nothing unknown, no field that holds its default. Ask for the fields in ascending order, then call
 * `end`: whatever is repeated, misplaced or unknown is still there by then. Two readers can then not disagree on what
 * was signed. All methods throw an Error that names what is wrong.
 */
export class CanonicalReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** A bytes field, as a view of the input; empty when absent. */
  bytes(field: number): Uint8Array {
    if (!this.#takeTag(field, LENGTH_DELIMITED)) return this.#bytes.subarray(0, 0);
    const length = this.#safeVarint();
    const end = this.#position + length;
    if (length === 0) throw new Error(`field ${field} is written though it is empty`);
    if (end > this.#bytes.length) throw new Error(`field ${field} is cut short`);
    const content = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return content;
  }

  /** A string field; empty when absent. */
  string(field: number): string {
    const content = this.bytes(field);
    return content.length === 0 ? "" : utf8.decode(content);
  }

  /** A repeated string field. */
  strings(field: number): string[] {
    const values: string[] = [];
    for (let value = this.string(field); value !== ""; value = this.string(field)) values.push(value);
    return values;
  }

  /** A uint64 field that JavaScript holds exactly; 0 when absent. */
  safeNumber(field: number): number {
    if (!this.#takeTag(field, 0)) return 0;
    const value = this.#safeVarint();
    if (value === 0) throw new Error(`field ${field} is written though it is 0`);
    return value;
  }

  /** An int64 field; 0 when absent. */
  int64(field: number): bigint {
    if (!this.#takeTag(field, 0)) return 0n;
    const value = this.#varint();
    if (value === 0n) throw new Error(`field ${field} is written though it is 0`);
    return BigInt.asIntN(64, value);
  }

  /** Nothing may be left. */
  end(): void {
    if (this.#position !== this.#bytes.length) throw new Error("a field is unknown, repeated, or out of order");
  }

  /** Takes the next tag if it is this field's, in its shortest form. */
  #takeTag(field: number, wireType: number): boolean {
    const tag = field * 8 + wireType;
    const [low, high] = [tag & 0x7f, tag >> 7];
    if (high === 0) return this.#bytes[this.#position] === low && ++this.#position > 0;
    const matches = this.#bytes[this.#position] === (low | CONTINUES) && this.#bytes[this.#position + 1] === high;
    if (matches) this.#position += 2;
    return matches;
  }

  #safeVarint(): number {
    const value = Number(this.#varint());
    if (!Number.isSafeInteger(value)) throw new Error("a number is too large");
    return value;
  }

  /** An unsigned varint in its shortest form, of at most 64 bits. */
  #varint(): bigint {
    const start = this.#position;
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#bytes[this.#position++];
      if (byte === undefined) throw new Error("a number is cut short");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte >= CONTINUES && this.#position - start < MAX_VARINT_BYTES) continue;
      if (byte >= CONTINUES || value >= 1n << 64n) throw new Error("a number has more than 64 bits");
      if (byte === 0 && this.#position - start > 1) throw new Error("a number is not in its shortest form");
      return value;
    }
  }
}

/** Writes what {@link CanonicalReader} reads: call the methods in ascending order of fields. */
export class CanonicalWriter {
  readonly #parts: Uint8Array[] = [];

  bytes(field: number, value: Uint8Array): this {
    if (value.length === 0) return this;
    this.#parts.push(varint(BigInt(field * 8 + LENGTH_DELIMITED)), varint(BigInt(value.length)), value);
    return this;
  }

  string(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value, "utf8"));
  }

  strings(field: number, values: readonly string[]): this {
    for (const value of values) this.string(field, value);
    return this;
  }

  /** An int64 or uint64 field; negative numbers take ten bytes. */
  number(field: number, value: number | bigint): this {
    const unsigned = BigInt.asUintN(64, BigInt(value));
    if (unsigned !== 0n) this.#parts.push(varint(BigInt(field * 8)), varint(unsigned));
    return this;
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | CONTINUES);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
