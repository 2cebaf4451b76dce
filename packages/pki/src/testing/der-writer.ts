/** One DER element (X.690): tag, length in its shortest form, and the parts one after another. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([derHeader(tag, length), ...parts]);
}

/** Tag and length of an element. */
export function derHeader(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.of(tag, length);
  const hex = length.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return Buffer.concat([Buffer.of(tag, 0x80 | bytes.length), bytes]);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => der(0x31, ...parts);
export const boolean = (value: boolean): Buffer => der(0x01, Buffer.of(value ? 0xff : 0));
export const octets = (...parts: readonly Uint8Array[]): Buffer => der(0x04, ...parts);
export const bits = (bytes: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.of(unused), bytes);
export const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text, "utf8"));
export const ia5 = (text: string): Buffer => der(0x16, Buffer.from(text, "latin1"));
/** `[number]` around elements, or in place of the tag of a constructed one. */
export const context = (number: number, ...parts: readonly Uint8Array[]): Buffer => der(0xa0 | number, ...parts);
/** `[number]` in place of the tag of a primitive element. */
export const implicit = (number: number, content: Uint8Array): Buffer => der(0x80 | number, content);

/** An integer of any size and sign, in the fewest bytes. */
export function integer(value: bigint | number, tag = 0x02): Buffer {
  let size = 1;
  while (BigInt.asIntN(8 * size, BigInt(value)) !== BigInt(value)) size++;
  const hex = BigInt.asUintN(8 * size, BigInt(value)).toString(16);
  return der(tag, Buffer.from(hex.padStart(2 * size, "0"), "hex"));
}

/** An object identifier from its dotted form. */
export function oid(dotted: string): Buffer {
  const [root = 0n, second = 0n, ...arcs] = dotted.split(".").map(BigInt);
  const bytes = [root * 40n + second, ...arcs].flatMap((arc) => {
    const digits = [Number(arc & 127n)];
    for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) digits.unshift(Number(rest & 127n) | 128);
    return digits;
  });
  return der(0x06, Buffer.from(bytes));
}

/** A time as RFC 5280 §4.1.2.5 wants it: UTCTime up to 2049, GeneralizedTime after. */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+Z/g, "");
  const isShort = date.getUTCFullYear() >= 1950 && date.getUTCFullYear() < 2050;
  return isShort ? der(0x17, Buffer.from(`${digits.slice(2)}Z`)) : der(0x18, Buffer.from(`${digits}Z`));
}

const ATTRIBUTES: Record<string, string> = {
  CN: "2.5.4.3",
  C: "2.5.4.6",
  O: "2.5.4.10",
  OU: "2.5.4.11",
  emailAddress: "1.2.840.113549.1.9.1",
};

/** A name from parts like `CN=Fleet CA`, in order. */
export function name(...parts: readonly string[]): Buffer {
  return sequence(
    ...parts.map((part) => {
      const [, type = "", value = ""] = /^(\w+)=(.*)$/s.exec(part) ?? [];
      const attribute = ATTRIBUTES[type];
      if (attribute === undefined) throw new TypeError(`no such part of a name: ${part}`);
      return set(sequence(oid(attribute), type === "emailAddress" ? ia5(value) : utf8(value)));
    }),
  );
}
