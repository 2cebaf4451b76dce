/** The alphabets of RFC 4648 §4 and §5. Machine tokens use the first, delegation tokens the second. */
export type Base64Alphabet = "base64" | "base64url";

const LETTERS_AND_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LETTERS: Record<Base64Alphabet, string> = {
  base64: `${LETTERS_AND_DIGITS}+/`,
  base64url: `${LETTERS_AND_DIGITS}-_`,
};
/** Letters of the other alphabet, which Node reads all the same. */
const FOREIGN_LETTERS: Record<Base64Alphabet, readonly [string, string]> = {
  base64: ["-", "_"],
  base64url: ["+", "/"],
};
/** Bits of the last letter that stand for nothing and must be 0, by how many letters the last group has. */
const LEFTOVER_BITS: readonly number[] = [0b000000, 0b111111, 0b001111, 0b000011];

/** How many bytes an unpadded text of this length stands for. */
export function decodedLength(text: string): number {
  return (text.length * 3) >>> 2;
}

/**
 * Decodes unpadded base64 into `memory`, which must have room for {@link decodedLength} bytes; false if the text is not
 * exactly what encoding the bytes again would give. Node alone skips what is not base64, reads both alphabets, cuts
 * letters to eight bits and ignores leftover bits. Encoding again and comparing would tell the same, but makes as much
 * garbage as everything else in a verification together.
 */
export function decodeBase64(text: string, alphabet: Base64Alphabet, memory: Buffer): boolean {
  const [one, other] = FOREIGN_LETTERS[alphabet];
  // A letter beyond ASCII takes more than one byte in UTF-8.
  if (Buffer.byteLength(text) !== text.length || text.includes(one) || text.includes(other)) return false;
  // A letter that is skipped makes the bytes fewer. One alone in its group makes none, so that case goes first.
  if (text.length % 4 === 1 || memory.write(text, 0, "base64") !== decodedLength(text)) return false;
  const last = LETTERS[alphabet].indexOf(text.charAt(text.length - 1));
  return (last & (LEFTOVER_BITS[text.length % 4] ?? 0)) === 0;
}

/** Unpadded base64. */
export function encodeBase64(bytes: Uint8Array, alphabet: Base64Alphabet): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(alphabet);
  const padding = text.indexOf("=");
  return padding === -1 ? text : text.slice(0, padding);
}
