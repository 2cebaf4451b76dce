import type { Crl } from "./crl-document.js";
import { DerReader, readInteger, TAG } from "./der.js";
import { CrlError, MalformedInput } from "./errors.js";
import { readExtension } from "./extension.js";
import { type SerialIndex, SerialIndexWriter } from "./serial-index.js";
import { readTime } from "./time.js";

/** Most bytes of an entry's serial number, so that its length fits a byte of the index. */
const MAX_SERIAL_BYTES = 255;

/**
 * Reads all entries of a list, without an object for each, and indexes their serial numbers: a first walk over the bytes
 * tells how much memory the index needs, a second one fills it. Every serial that is listed counts as revoked, whatever
 * the reason: removeFromCRL too, which says nothing in a complete list. Throws MalformedInput, or a CrlError for entries
 * that only a reader who understands more may take.
 */
export function indexEntries({ entryBytes, version }: Pick<Crl, "entryBytes" | "version">): SerialIndex {
  let [entries, found, bytes] = [0, 0, 0];
  for (const reader = new EntryReader(entryBytes, version); reader.next(); entries++) {
    // No certificate has a negative number, so none is looked for.
    if (reader.isNegative) continue;
    found++;
    bytes += reader.serialEnd - reader.serialStart;
  }
  const index = new SerialIndexWriter(found, bytes);
  for (const reader = new EntryReader(entryBytes, version); reader.next();) {
    if (!reader.isNegative) index.add(entryBytes, reader.serialStart, reader.serialEnd);
  }
  return index.finish(entries);
}

/** The number that two digits write; 100 for anything else. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at] ?? 0;
  const ones = bytes[at + 1] ?? 0;
  const areDigits = tens >= 0x30 && tens <= 0x39 && ones >= 0x30 && ones <= 0x39;
  return areDigits ? tens * 10 + ones - 528 : 100;
}

/** The usual extension of an entry: only a reason code (RFC 5280 §5.3.1). */
const REASON_CODE = Buffer.from("300c300a0603551d1504030a0100", "hex");
const KNOWN_REASONS = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10];

/** RFC 5280 §5.1.2.6: walks over SEQUENCE { serial, date, extensions }. */
class EntryReader {
  serialStart = 0;
  serialEnd = 0;
  isNegative = false;
  readonly #bytes: Uint8Array;
  readonly #version: number;
  #position = 0;

  constructor(bytes: Uint8Array, version: number) {
    this.#bytes = bytes;
    this.#version = version;
  }

  /** Reads an entry; false at the end. */
  next(): boolean {
    if (this.#position === this.#bytes.length) return false;
    const end = this.#enter(TAG.sequence, this.#bytes.length);
    this.#readSerial(end);
    this.#readDate(end);
    if (this.#position < end) this.#readExtensions(end);
    return true;
  }

  /** Reads a header and stands after it; where the content ends. */
  #enter(tag: number, within: number): number {
    if (this.#bytes[this.#position] !== tag) throw new MalformedInput("entry: something is missing or of another type");
    const first = this.#bytes[this.#position + 1] ?? 0xff;
    if (first >= 0x80) return this.#enterLong(tag, within);
    this.#position += 2;
    const end = this.#position + first;
    if (end > within) throw new MalformedInput("entry: cut short");
    return end;
  }

  #enterLong(tag: number, within: number): number {
    const element = new DerReader(this.#bytes.subarray(this.#position, within)).read(tag, "entry");
    const end = this.#position + element.raw.length;
    this.#position = end - element.length;
    return end;
  }

  #readSerial(within: number): void {
    const end = this.#enter(TAG.integer, within);
    const start = this.#position;
    // No arrays here: a list has a million entries.
    const first = this.#bytes[start] ?? 0;
    const second = this.#bytes[start + 1] ?? 0;
    const isPadded = end - start > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
    if (end === start || isPadded || end - start > MAX_SERIAL_BYTES)
      throw new MalformedInput("entry: not a serial number in its shortest form");
    this.isNegative = first >= 0x80;
    this.serialStart = first === 0 ? start + 1 : start;
    this.serialEnd = end;
    this.#position = end;
  }

  #readDate(within: number): void {
    const start = this.#position;
    if (this.#isPlainDate(start)) this.#position = start + 15;
    else {
      const reader = new DerReader(this.#bytes.subarray(start, within));
      readTime(reader, "revocation date");
      this.#position = within - reader.left;
    }
    if (this.#position > within) throw new MalformedInput("entry: cut short");
  }

  /** The usual date, UTCTime with every part in its range but for the length of months; others are read the slow way. */
  #isPlainDate(start: number): boolean {
    const bytes = this.#bytes;
    if (bytes[start] !== TAG.utcTime || bytes[start + 1] !== 13 || bytes[start + 14] !== 0x5a) return false;
    const month = twoDigits(bytes, start + 4);
    const day = twoDigits(bytes, start + 6);
    const isDay = month >= 1 && month <= 12 && day >= 1 && day <= 28;
    const isTime = twoDigits(bytes, start + 8) < 24 && twoDigits(bytes, start + 10) < 60;
    return twoDigits(bytes, start + 2) < 100 && isDay && isTime && twoDigits(bytes, start + 12) < 60;
  }

  #readExtensions(end: number): void {
    if (this.#version !== 2) throw new MalformedInput("entry: extensions in a list of version 1");
    if (!this.#isReasonCode(end)) readEntryExtensions(this.#bytes.subarray(this.#position, end));
    this.#position = end;
  }

  #isReasonCode(end: number): boolean {
    const last = REASON_CODE.length - 1;
    if (end - this.#position !== REASON_CODE.length) return false;
    for (let index = 0; index < last; index++) {
      if (this.#bytes[this.#position + index] !== REASON_CODE[index]) return false;
    }
    return KNOWN_REASONS.includes(this.#bytes[end - 1] ?? 0xff);
  }
}

/** RFC 5280 §5.3. */
function readEntryExtensions(bytes: Uint8Array): void {
  const outer = new DerReader(bytes);
  const list = outer.enter(TAG.sequence, "entry extensions");
  outer.end("entry");
  if (list.done) throw new MalformedInput("entry extensions: an empty list");
  const seen = new Set<string>();
  while (!list.done) {
    const { oid, isCritical, value } = readExtension(list);
    if (seen.has(oid)) throw new MalformedInput(`entry extension ${oid} is there twice`);
    seen.add(oid);
    readEntryExtension(oid, isCritical, value);
  }
}

function readEntryExtension(oid: string, isCritical: boolean, value: DerReader): void {
  if (oid === "2.5.29.29") throw new CrlError("PROFILE", "an entry is about another issuer's certificate", "indirect");
  if (oid === "2.5.29.21") {
    const reason = readInteger(value.read(0x0a, "reason code").content, "reason code");
    if (!KNOWN_REASONS.includes(Number(reason))) throw new MalformedInput("reason code: unknown");
  } else if (oid === "2.5.29.24") readTime(value, "invalidity date");
  else if (isCritical) {
    throw new CrlError("PROFILE", `an entry has an unknown critical extension ${oid}`, "critical_extension");
  } else return;
  value.end(`entry extension ${oid}`);
}
