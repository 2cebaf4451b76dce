/** The parts of an index, in memory that threads share. */
export interface SerialIndexParts {
  readonly count: number;
  /** One after another: the length in a byte, and the serial number, unsigned and big-endian without leading zeros. */
  readonly serials: Uint8Array;
  /** Open addressing: offsets into `serials` plus 1; 0 where nothing is. Its length is a power of two. */
  readonly table: Uint32Array;
}

/**
 * The serial numbers of a revocation list, exact and compact: about 25 bytes for a serial of 16. Finding one takes the
 * same time whatever their number.
 */
export class SerialIndex {
  readonly parts: SerialIndexParts;

  constructor(parts: SerialIndexParts) {
    this.parts = parts;
  }

  /** How many entries the list has. */
  get count(): number {
    return this.parts.count;
  }

  /** Whether a serial number is there: unsigned, big-endian, without leading zeros. */
  has(serial: Uint8Array): boolean {
    return this.#has(serial, 0, serial.length);
  }

  /** All serial numbers, in hexadecimal, in the order of the list. */
  *[Symbol.iterator](): Generator<string> {
    for (const [start, end] of this.#places()) yield this.#hexAt(start, end);
  }

  /** Those that another index has not. Only they are written out: mostly there are few. */
  *missingIn(other: SerialIndex): Generator<string> {
    const { serials } = this.parts;
    for (const [start, end] of this.#places()) if (!other.#has(serials, start, end)) yield this.#hexAt(start, end);
  }

  *#places(): Generator<readonly [start: number, end: number]> {
    const { serials } = this.parts;
    for (let offset = 0; offset < serials.length;) {
      const end = offset + 1 + (serials[offset] ?? 0);
      yield [offset + 1, end];
      offset = end;
    }
  }

  #hexAt(start: number, end: number): string {
    return Buffer.from(this.parts.serials.subarray(start, end)).toString("hex");
  }

  #has(bytes: Uint8Array, start: number, end: number): boolean {
    const { serials, table } = this.parts;
    const mask = table.length - 1;
    for (let slot = hash(bytes, start, end) & mask; ; slot = (slot + 1) & mask) {
      const place = table[slot] ?? 0;
      if (place === 0) return false;
      if (isAt(serials, place - 1, bytes, start, end)) return true;
    }
  }
}

/** Fills an index whose size is known before. */
export class SerialIndexWriter {
  readonly #serials: Uint8Array;
  readonly #table: Uint32Array;
  #end = 0;

  /** For so many serial numbers, of so many bytes together. */
  constructor(count: number, bytes: number) {
    this.#serials = new Uint8Array(new SharedArrayBuffer(count + bytes));
    this.#table = new Uint32Array(new SharedArrayBuffer(tableSize(count) * Uint32Array.BYTES_PER_ELEMENT));
  }

  /** Adds a serial number of up to 255 bytes that stands somewhere in some bytes. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const [serials, table, mask] = [this.#serials, this.#table, this.#table.length - 1];
    let slot = hash(bytes, start, end) & mask;
    while (table[slot] !== 0) slot = (slot + 1) & mask;
    table[slot] = this.#end + 1;
    serials[this.#end++] = end - start;
    // Byte by byte: making a view of each would take longer.
    for (let from = start; from < end; from++) serials[this.#end++] = bytes[from] ?? 0;
  }

  /** The index of all that was added. The list may have more entries than serial numbers to be found. */
  finish(entries: number): SerialIndex {
    return new SerialIndex({ count: entries, serials: this.#serials, table: this.#table });
  }
}

/** The table is at most half full, so that runs of taken places stay short. */
function tableSize(count: number): number {
  let size = 16;
  while (size < 2 * count) size *= 2;
  return size;
}

/** FNV-1a with a last mix, as the low bits choose the place. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5;
  for (let index = start; index < end; index++) value = Math.imul(value ^ (bytes[index] ?? 0), 0x01000193);
  value ^= value >>> 15;
  value = Math.imul(value, 0x2c1b3c6d);
  return (value ^ (value >>> 12)) >>> 0;
}

function isAt(serials: Uint8Array, offset: number, bytes: Uint8Array, start: number, end: number): boolean {
  if (serials[offset] !== end - start) return false;
  for (let at = start, there = offset + 1; at < end; at++, there++) if (serials[there] !== bytes[at]) return false;
  return true;
}
