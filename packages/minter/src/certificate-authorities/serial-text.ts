/**
 * Reads a serial number as an operator writes it: decimal, or hexadecimal after `0x`. Leading zeros are refused: elsewhere
 * they mean octal, and would name another certificate. undefined if it is none.
 */
export function readSerialText(text: string): bigint | undefined {
  return /^(0|[1-9][0-9]{0,99}|0[xX](0|[1-9a-fA-F][0-9a-fA-F]{0,79}))$/.test(text) ? BigInt(text) : undefined;
}

/** A serial number as certificates have it: unsigned, big-endian, without leading zeros. */
export function serialBytes(serial: bigint): Uint8Array {
  const hex = serial === 0n ? "" : serial.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}
