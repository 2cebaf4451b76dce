const VARINT = 0;
const LENGTH_DELIMITED = 2;
const CONTINUES = 0x80;
/** Longest varint: 64 bits in groups of seven. */
const MAX_VARINT_BYTES = 10;
/** A varint this long is held exactly by a number. */
const SMALL_VARINT_BYTES = 7;

const ABSENT = -1;
const NO_BYTES: Buffer = Buffer.alloc(0);
const NO_STRINGS: readonly string[] = Object.freeze([]);

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads protobuf that is written in the one canonical way: fields in ascending order, each once, numbers in their
 * shortest form, nothing unknown, no field that holds its default. Ask for the fields in ascending order, then call
 * `end`: whatever is repeated, misplaced or unknown is still there by then. Two readers can then not disagree on what
 * was signed. All methods throw an Error that names what is wrong.
 */
export class CanonicalReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #position = 0;

  /** Reads the first `length` bytes. */
  constructor(bytes: Uint8Array, length: number = bytes.length) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#end = length;
  }

  /** A bytes field, as a view of the input; empty when absent. */
  bytes(field: number): Uint8Array {
    const start = this.#skipBytes(field);
    return start === ABSENT ? NO_BYTES : this.#bytes.subarray(start, this.#position);
  }

  /** A bytes field in lower-case hex; empty when absent. */
  hex(field: number): string {
    const start = this.#skipBytes(field);
    return start === ABSENT ? "" : this.#bytes.toString("hex", start, this.#position);
  }

  /** A string field; empty when absent. */
  string(field: number): string {
    const start = this.#skipBytes(field);
    if (start === ABSENT) return "";
    if (this.#isAscii(start)) return this.#bytes.toString("latin1", start, this.#position);
    return utf8.decode(this.#bytes.subarray(start, this.#position));
  }

  /** A repeated string field. */
  strings(field: number): readonly string[] {
    const first = this.string(field);
    if (first === "") return NO_STRINGS;
    const values: string[] = [];
    for (let value = first; value !== ""; value = this.string(field)) values.push(value);
    return values;
  }

  /** A uint64 field that JavaScript holds exactly; 0 when absent. */
  safeNumber(field: number): number {
    if (!this.#takeTag(field, VARINT)) return 0;
    const value = this.#safeVarint();
    if (value === 0) throw new Error(`field ${field} is written though it is 0`);
    return value;
  }

  /** An int64 field; 0 when absent. */
  int64(field: number): bigint {
    if (!this.#takeTag(field, VARINT)) return 0n;
    const value = this.#varint();
    if (value === 0n) throw new Error(`field ${field} is written though it is 0`);
    return value;
  }

  /** An int64 field of a oneof, which is written even if it is 0; undefined when absent. */
  oneofInt64(field: number): bigint | undefined {
    return this.#takeTag(field, VARINT) ? this.#varint() : undefined;
  }

  /** A repeated message field: the bytes of each, as views of the input. None may be empty. */
  messages(field: number): readonly Uint8Array[] {
    const values: Uint8Array[] = [];
    for (let value = this.bytes(field); value.length > 0; value = this.bytes(field)) values.push(value);
    return values;
  }

  /** A repeated uint64 field, packed, of numbers that JavaScript holds exactly. */
  safeNumbers(field: number): readonly number[] {
    const packed = new CanonicalReader(this.bytes(field));
    const values: number[] = [];
    while (packed.#position < packed.#end) values.push(packed.#safeVarint());
    return values;
  }

  /** Nothing may be left. */
  end(): void {
    if (this.#position !== this.#end) throw new Error("a field is unknown, repeated, or out of order");
  }

  /** Takes the next tag if it is this field's, in its shortest form. */
  #takeTag(field: number, wireType: number): boolean {
    const tag = field * 8 + wireType;
    const low = tag & 0x7f;
    const high = tag >> 7;
    const at = this.#position;
    const matches = high === 0 ? this.#at(at) === low : this.#at(at) === (low | CONTINUES) && this.#at(at + 1) === high;
    if (matches) this.#position += high === 0 ? 1 : 2;
    return matches;
  }

  /** A byte of the input: what lies behind its end in the same memory is no part of it. */
  #at(position: number): number | undefined {
    return position < this.#end ? this.#bytes[position] : undefined;
  }

  /** Goes to the end of a bytes field; where its content begins, or ABSENT. */
  #skipBytes(field: number): number {
    if (!this.#takeTag(field, LENGTH_DELIMITED)) return ABSENT;
    const length = this.#safeVarint();
    const start = this.#position;
    if (length === 0) throw new Error(`field ${field} is written though it is empty`);
    if (length > this.#end - start) throw new Error(`field ${field} is cut short`);
    this.#position = start + length;
    return start;
  }

  #isAscii(start: number): boolean {
    for (let i = start; i < this.#position; i++) if ((this.#bytes[i] ?? 0) > 0x7f) return false;
    return true;
  }

  /** An unsigned varint that JavaScript holds exactly: sums of powers of two stay exact up to there. */
  #safeVarint(): number {
    let value = 0;
    let scale = 1;
    for (const start = this.#position; ; scale *= 0x80) {
      const byte = this.#at(this.#position++);
      if (byte === undefined) throw new Error("a number is cut short");
      value += (byte & 0x7f) * scale;
      if (!Number.isSafeInteger(value)) throw new Error("a number is too large");
      if (byte >= CONTINUES && this.#position - start < MAX_VARINT_BYTES) continue;
      if (byte >= CONTINUES) throw new Error("a number has more than 64 bits");
      if (byte === 0 && this.#position - start > 1) throw new Error("a number is not in its shortest form");
      return value;
    }
  }

  /** A varint of at most 64 bits as a signed number: big ones go through BigInt, which is slow. */
  #varint(): bigint {
    const start = this.#position;
    while ((this.#at(this.#position) ?? 0) >= CONTINUES) this.#position++;
    const last = this.#position++;
    if (last - start < SMALL_VARINT_BYTES) {
      this.#position = start;
      return BigInt(this.#safeVarint());
    }
    if (last - start >= MAX_VARINT_BYTES) throw new Error("a number has more than 64 bits");
    if (last >= this.#end) throw new Error("a number is cut short");
    if (this.#bytes[last] === 0) throw new Error("a number is not in its shortest form");
    let value = 0n;
    for (let i = last; i >= start; i--) value = (value << 7n) | BigInt((this.#bytes[i] ?? 0) & 0x7f);
    if (value >= 1n << 64n) throw new Error("a number has more than 64 bits");
    return BigInt.asIntN(64, value);
  }
}

/** Enough for every token of the usual size. */
const FIRST_BYTES = 512;

/** Writes what {@link CanonicalReader} reads: call the methods in ascending order of fields. */
export class CanonicalWriter {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  bytes(field: number, value: Uint8Array): this {
    if (value.length === 0) return this;
    this.#begin(field, value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** A bytes field that is given in hex. */
  hex(field: number, value: string): this {
    const bytes = Buffer.from(value, "hex");
    if (bytes.length * 2 !== value.length) throw new TypeError(`field ${field} must be given in hex`);
    return this.bytes(field, bytes);
  }

  string(field: number, value: string): this {
    if (value === "") return this;
    this.#begin(field, Buffer.byteLength(value));
    this.#length += this.#bytes.write(value, this.#length);
    return this;
  }

  strings(field: number, values: readonly string[]): this {
    for (const value of values) this.string(field, value);
    return this;
  }

  /** An int64 or uint64 field; negative numbers take ten bytes. */
  number(field: number, value: number | bigint): this {
    return value === 0 || value === 0n ? this : this.#tag(field, VARINT).#varint(value);
  }

  /** An int64 field of a oneof: written even if it is 0. */
  oneofInt64(field: number, value: bigint): this {
    return this.#tag(field, VARINT).#varint(value);
  }

  messages(field: number, values: readonly Uint8Array[]): this {
    for (const value of values) this.bytes(field, value);
    return this;
  }

  numbers(field: number, values: readonly number[]): this {
    const packed = new CanonicalWriter();
    for (const value of values) packed.#varint(value);
    return this.bytes(field, packed.finish());
  }

  finish(): Uint8Array {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  /** Begins a field of so many bytes, and makes room for them. */
  #begin(field: number, length: number): void {
    this.#tag(field, LENGTH_DELIMITED).#varint(length).#makeRoom(length);
  }

  #tag(field: number, wireType: number): this {
    return this.#varint(field * 8 + wireType);
  }

  /** As 64 bits, seven to a byte, the lowest first. */
  #varint(value: number | bigint): this {
    this.#makeRoom(MAX_VARINT_BYTES);
    if (typeof value === "number" && value >= 0 && value < CONTINUES) {
      this.#bytes[this.#length++] = value;
      return this;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 0x80n; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 0x7fn) | CONTINUES;
    this.#bytes[this.#length++] = Number(rest);
    return this;
  }

  #makeRoom(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * needed);
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
