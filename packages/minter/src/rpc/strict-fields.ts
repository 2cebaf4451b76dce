import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

const LARGEST_VARINT_OF_32_BITS: Partial<Record<ScalarType, [low: bigint, high: bigint]>> = {
  [ScalarType.INT32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.UINT32]: [0n, 2n ** 32n - 1n],
};
const INT32: [bigint, bigint] = [-(2n ** 31n), 2n ** 31n - 1n];

function wireTypeOf(field: DescField): WireType {
  if (field.message || field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES) {
    return WireType.LengthDelimited;
  }
  return WireType.Varint;
}

function checkRange(field: DescField, reader: BinaryReader): void {
  const range = field.enum ? INT32 : field.scalar === undefined ? undefined : LARGEST_VARINT_OF_32_BITS[field.scalar];
  const value = BigInt(reader.int64());
  if (range && (value < range[0] || value > range[1])) throw new Error(`field ${field.name} is out of range`);
}

function checkField(field: DescField, wireType: WireType, reader: BinaryReader): void {
  if (wireType !== wireTypeOf(field)) throw new Error(`field ${field.name} has the wrong wire type`);
  if (wireType === WireType.Varint) return checkRange(field, reader);
  const bytes = reader.bytes();
  if (field.message) checkStrictFields(field.message, bytes);
}

/**
 * Throws unless every field that the message knows is there at most once (but repeated ones), has its own wire type and
 * fits its type. Other readers may take the first of two values, or the last, or cut a number: what means different
 * things to different readers is refused. Unknown fields are fine, they are how the protocol grows.
 */
export function checkStrictFields(message: DescMessage, bytes: Uint8Array): void {
  const reader = new BinaryReader(bytes);
  const seen = new Set<number>();
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const field = message.fields.find((candidate) => candidate.number === number);
    if (!field) {
      reader.skip(wireType, number);
      continue;
    }
    if (seen.has(number) && field.fieldKind !== "list") throw new Error(`field ${field.name} is repeated`);
    seen.add(number);
    checkField(field, wireType, reader);
  }
}
