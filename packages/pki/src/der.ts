import { MalformedInput } from "./errors.js";

/** Tags of X.690 §8, universal ones by name. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A context-specific tag: `[number]`, primitive or constructed. */
export const contextTag = (number: number): number => 0x80 | number;
export const constructedContextTag = (number: number): number => 0xa0 | number;

/** One DER element. Both arrays are views of the input, made when they are asked for: few are. */
export class DerElement {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #begin: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start: number, begin: number, end: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.#begin = begin;
    this.#end = end;
  }

  get tag(): number {
    return this.#bytes[this.#start] ?? 0;
  }

  get content(): Uint8Array {
    return this.#bytes.subarray(this.#begin, this.#end);
  }

  /** How many bytes the content has. */
  get length(): number {
    return this.#end - this.#begin;
  }

  /** A reader of the content. */
  open(deviations?: string[]): DerReader {
    return new DerReader(this.#bytes, deviations, this.#begin, this.#end);
  }

  /** Header and content. */
  get raw(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }
}

/**
 * Walks over DER (X.690 §10): definite lengths in their shortest form, single-byte tags. What BER would also allow is
 * refused, so that there is one way to write each thing. All methods throw MalformedInput.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #deviations: string[] | undefined;
  readonly #end: number;
  #position: number;

  /**
   * Of all bytes, or of a part. With a list of deviations, what {@link deviate} is told goes there instead of being refused.
   */
  constructor(bytes: Uint8Array, deviations?: string[], begin = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#deviations = deviations;
    this.#position = begin;
    this.#end = end;
  }

  /** A reader of what is in an element, which treats deviations as this one does. */
  within(element: DerElement): DerReader {
    return element.open(this.#deviations);
  }

  /** What no certificate may do, but readers that many rely on let pass. */
  deviate(reason: string): void {
    if (!this.#deviations) throw new MalformedInput(reason);
    this.#deviations.push(reason);
  }

  get done(): boolean {
    return this.#position === this.#end;
  }

  /** How many bytes are still to be read. */
  get left(): number {
    return this.#end - this.#position;
  }

  /** The tag of the next element, or undefined at the end. */
  get nextTag(): number | undefined {
    return this.#position < this.#end ? this.#bytes[this.#position] : undefined;
  }

  /** Reads the next element, whatever it is. */
  any(what: string): DerElement {
    const start = this.#position;
    const begin = this.#step(what);
    return new DerElement(this.#bytes, start, begin, this.#position);
  }

  /** Reads the next element, which must have this tag. */
  read(tag: number, what: string): DerElement {
    this.#expect(tag, what);
    return this.any(what);
  }

  /** Reads the next element if it has this tag. */
  optional(tag: number, what: string): DerElement | undefined {
    return this.nextTag === tag ? this.any(what) : undefined;
  }

  /** Opens the next element, which must have this tag, to read what is in it. */
  enter(tag: number, what: string): DerReader {
    this.#expect(tag, what);
    const begin = this.#step(what);
    return new DerReader(this.#bytes, this.#deviations, begin, this.#position);
  }

  /** Reads the next element, which must be an object identifier, in dotted form. */
  oid(what: string): string {
    this.#expect(TAG.oid, what);
    const begin = this.#step(what);
    return readOid(this.#bytes, what, begin, this.#position);
  }

  /** Nothing may follow. */
  end(what: string): void {
    if (!this.done) this.deviate(`${what}: more than expected`);
  }

  #expect(tag: number, what: string): void {
    if (this.nextTag !== tag) throw new MalformedInput(`${what}: missing or of another type`);
  }

  /** Steps over the next element; where its content begins. It ends where the reader stands then. */
  #step(what: string): number {
    const tag = this.#byte(what);
    if ((tag & 0x1f) === 0x1f) throw new MalformedInput(`${what}: a tag of more than one byte`);
    const length = this.#length(what);
    const begin = this.#position;
    if (length > this.left) throw new MalformedInput(`${what}: cut short`);
    this.#position = begin + length;
    return begin;
  }

  #byte(what: string): number {
    const byte = this.nextTag;
    if (byte === undefined) throw new MalformedInput(`${what}: cut short`);
    this.#position++;
    return byte;
  }

  /** X.690 §8.1.3 and §10.1: one byte below 128, else the fewest bytes that hold the number. */
  #length(what: string): number {
    const first = this.#byte(what);
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new MalformedInput(`${what}: indefinite or huge length`);
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte(what);
    const shortest = length < 0x80 ? 0 : Math.ceil((32 - Math.clz32(length)) / 8);
    if (count !== shortest) throw new MalformedInput(`${what}: length not in its shortest form`);
    return length;
  }
}

/** So many bytes make a number that is exact; a bigint by way of text takes ten times as long. */
const MAX_EXACT_BYTES = 6;

const numberOf = (bytes: Uint8Array) => bytes.reduce((number, byte) => number * 256 + byte, 0);
const largeNumberOf = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);

/** X.690 §8.3: an integer in the fewest bytes, of any size and sign. */
export function readInteger(content: Uint8Array, what: string): bigint {
  requireShortest(content, what);
  const magnitude = content.length <= MAX_EXACT_BYTES ? BigInt(numberOf(content)) : largeNumberOf(content);
  return (content[0] ?? 0) < 0x80 ? magnitude : magnitude - (1n << BigInt(content.length * 8));
}

/** The bytes of an integer that is not negative, without leading zeros; none for 0. */
export function readMagnitude(content: Uint8Array, what: string): Uint8Array {
  requireShortest(content, what);
  if ((content[0] ?? 0) >= 0x80) throw new MalformedInput(`${what}: a negative number`);
  return content[0] === 0 ? content.subarray(1) : content;
}

function requireShortest(content: Uint8Array, what: string): void {
  const first = content[0];
  const second = content[1];
  if (first === undefined) throw new MalformedInput(`${what}: an integer without bytes`);
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw new MalformedInput(`${what}: an integer not in its shortest form`);
  }
}

/** X.690 §11.1: 00 or FF. */
export function readBoolean(content: Uint8Array, what: string): boolean {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) {
    throw new MalformedInput(`${what}: a boolean that is neither 00 nor FF`);
  }
  return content[0] === 0xff;
}

/** X.690 §11.2: named bits, the first in the highest bit of the first byte; what is left over is zero. */
export function readBits(content: Uint8Array, what: string): (bit: number) => boolean {
  const unused = content[0] ?? 8;
  const last = content.length > 1 ? (content.at(-1) ?? 0) : 0;
  const leftOver = last & ((1 << unused) - 1);
  if (unused > 7 || (content.length === 1 && unused > 0) || leftOver !== 0)
    throw new MalformedInput(`${what}: not a bit string`);
  return (bit) => (((content[1 + (bit >> 3)] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
}

/** A bit string that is made of whole bytes. */
export function readWholeBytes(content: Uint8Array, what: string): Uint8Array {
  if (content[0] !== 0) throw new MalformedInput(`${what}: a bit string that is not made of whole bytes`);
  return content.subarray(1);
}

/** Arcs below this stay exact when seven more bits come to them. */
const MAX_EXACT_ARC = 2 ** 46;

/** X.690 §8.19: an object identifier, of all bytes or of a part, in dotted form. */
export function readOid(bytes: Uint8Array, what: string, begin = 0, end: number = bytes.length): string {
  let text = "";
  let arc = 0;
  let fresh = true;
  for (let index = begin; index < end; index++) {
    const byte = bytes[index] ?? 0;
    if (fresh && byte === 0x80) throw new MalformedInput(`${what}: an object identifier not in its shortest form`);
    if (arc >= MAX_EXACT_ARC) return readLargeOid(bytes.subarray(begin, end), what);
    arc = arc * 128 + (byte & 0x7f);
    fresh = byte < 0x80;
    if (!fresh) continue;
    text += text === "" ? firstArcs(arc) : `.${arc}`;
    arc = 0;
  }
  if (text === "" || !fresh) throw new MalformedInput(`${what}: an object identifier that is cut short`);
  return text;
}

/** The first number stands for two arcs, of which the first is 0, 1 or 2. */
function firstArcs(number: number): string {
  const root = number < 80 ? Math.floor(number / 40) : 2;
  return `${root}.${number - root * 40}`;
}

function readLargeOid(content: Uint8Array, what: string): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  let fresh = true;
  for (const byte of content) {
    if (fresh && byte === 0x80) throw new MalformedInput(`${what}: an object identifier not in its shortest form`);
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    fresh = byte < 0x80;
    if (!fresh) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const [first] = arcs;
  if (first === undefined || !fresh) throw new MalformedInput(`${what}: an object identifier that is cut short`);
  const root = first < 80n ? first / 40n : 2n;
  return [root, first - root * 40n, ...arcs.slice(1)].join(".");
}
