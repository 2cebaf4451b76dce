const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Bytes of a protobuf varint. */
function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** A number field; nothing when it is 0. */
export function numberField(field: number, value: bigint): Buffer {
  return value === 0n ? Buffer.alloc(0) : Buffer.concat([varint(BigInt(field * 8 + VARINT)), varint(value)]);
}

/** A bytes or message field; nothing when it is empty. */
export function bytesField(field: number, value: Uint8Array): Buffer {
  return value.length === 0 ? Buffer.alloc(0) : messageField(field, value);
}

/** A message field, also when the message has no content. */
export function messageField(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([varint(BigInt(field * 8 + LENGTH_DELIMITED)), varint(BigInt(value.length)), value]);
}

/** The fields of a message that are read: the last value of each, by field number. */
export interface Fields {
  readonly numbers: ReadonlyMap<number, bigint>;
  readonly bytes: ReadonlyMap<number, Uint8Array>;
}

/** Reads a message as protobuf readers do: unknown fields are kept out of the way, the last value counts. Throws an Error. */
export function readFields(message: Uint8Array): Fields {
  const numbers = new Map<number, bigint>();
  const bytes = new Map<number, Uint8Array>();
  const cursor = { bytes: message, position: 0 };
  while (cursor.position < message.length) {
    const tag = Number(readVarint(cursor));
    const [field, wireType] = [Math.floor(tag / 8), tag % 8];
    if (field === 0) throw new Error("a field without a number");
    if (wireType === VARINT) numbers.set(field, readVarint(cursor));
    else if (wireType === LENGTH_DELIMITED) bytes.set(field, take(cursor, Number(readVarint(cursor))));
    else if (wireType === FIXED64) take(cursor, 8);
    else if (wireType === FIXED32) take(cursor, 4);
    else throw new Error("a field of an unknown type");
  }
  return { numbers, bytes };
}

interface Cursor {
  readonly bytes: Uint8Array;
  position: number;
}

function readVarint(cursor: Cursor): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = cursor.bytes[cursor.position++];
    if (byte === undefined) throw new Error("a number is cut short");
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw new Error("a number has more than 64 bits");
}

function take(cursor: Cursor, length: number): Uint8Array {
  const end = cursor.position + length;
  if (end > cursor.bytes.length) throw new Error("a field is cut short");
  const content = cursor.bytes.subarray(cursor.position, end);
  cursor.position = end;
  return content;
}
