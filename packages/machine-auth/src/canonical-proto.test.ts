import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CanonicalReader, CanonicalWriter } from "./canonical-proto.js";

const hex = (text: string) => new CanonicalReader(Buffer.from(text, "hex"));

describe("CanonicalReader", () => {
  it("reads what CanonicalWriter writes", () => {
    const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    const texts = fc.array(fc.string({ unit: "grapheme", minLength: 1 }));
    fc.assert(
      fc.property(fc.uint8Array(), int64, fc.maxSafeNat(), texts, (bytes, big, small, strings) => {
        const written = new CanonicalWriter()
          .bytes(1, bytes)
          .number(2, big)
          .number(15, small)
          .strings(16, strings)
          .finish();
        const reader = new CanonicalReader(written);
        expect(Buffer.from(reader.bytes(1))).toEqual(Buffer.from(bytes));
        expect(reader.int64(2)).toBe(big);
        expect(reader.safeNumber(15)).toBe(small);
        expect(reader.strings(16)).toEqual(strings);
        reader.end();
        expect(new CanonicalReader(Buffer.from(written)).hex(1)).toBe(Buffer.from(bytes).toString("hex"));
      }),
    );
  });

  it.each<[string, string, (reader: CanonicalReader) => unknown]>([
    ["an empty field that is written", "0a00", (reader) => reader.bytes(1)],
    ["a zero that is written", "0800", (reader) => reader.int64(1)],
    ["a zero that is written, small", "0800", (reader) => reader.safeNumber(1)],
    ["a padded number", "088100", (reader) => reader.int64(1)],
    ["a padded length", "0a810078", (reader) => reader.bytes(1)],
    ["a length beyond the end", "0a0278", (reader) => reader.bytes(1)],
    ["a huge length", "0affffffffffffffffff01", (reader) => reader.bytes(1)],
    ["eleven bytes of a number", "088080808080808080808001", (reader) => reader.int64(1)],
    ["65 bits", "08ffffffffffffffffff02", (reader) => reader.int64(1)],
    ["a number cut short", "08ff", (reader) => reader.int64(1)],
    [
      "a number that JavaScript does not hold",
      "0880808080808080 10".replace(" ", ""),
      (reader) => reader.safeNumber(1),
    ],
    ["text that is not UTF-8", "0a01ff", (reader) => reader.string(1)],
    ["an encoded surrogate", "0a03eda080", (reader) => reader.string(1)],
  ])("refuses %s", (_name, bytes, read) => {
    expect(() => read(hex(bytes))).toThrow(Error);
  });

  it("leaves a padded tag, another wire type and another field for the end, which refuses them", () => {
    for (const bytes of ["8a000178", "0801", "120178", "0b0c"]) {
      const reader = hex(bytes);
      expect(reader.string(1)).toBe("");
      expect(() => reader.end()).toThrow("unknown, repeated, or out of order");
    }
  });

  it("reads nothing that lies behind its end in the same memory", () => {
    const memory = Buffer.from("0a0278790801", "hex");
    for (let length = 0; length <= memory.length; length++) {
      const [shared, own] = [new CanonicalReader(memory, length), new CanonicalReader(memory.subarray(0, length))];
      const read = (reader: CanonicalReader) => {
        try {
          const values = [reader.string(1), reader.int64(1), reader.safeNumber(1)];
          reader.end();
          return values;
        } catch (error) {
          return (error as Error).message;
        }
      };
      expect(read(shared)).toEqual(read(own));
    }
  });

  it("keeps a byte order mark, which is part of a text", () => {
    expect(hex("0a04efbbbf78").string(1)).toBe("\uFEFFx");
  });
});

describe("CanonicalWriter", () => {
  it("makes room for what is long, wherever it comes", () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(lengths, (each) => {
        const values = each.map((length, i) => Buffer.alloc(length, i + 1));
        const written = new CanonicalWriter()
          .messages(1, values)
          .string(2, "é".repeat(each[0] ?? 1))
          .finish();
        const reader = new CanonicalReader(written);
        expect(reader.messages(1).map((bytes) => Buffer.from(bytes))).toEqual(values);
        expect(reader.string(2)).toBe("é".repeat(each[0] ?? 1));
        reader.end();
      }),
    );
  });

  it("writes bytes that are given in hex, and nothing but hex", () => {
    expect(Buffer.from(new CanonicalWriter().hex(1, "00ff").finish()).toString("hex")).toBe("0a0200ff");
    for (const text of ["0", "0g", "xx", "00 ff"]) expect(() => new CanonicalWriter().hex(1, text)).toThrow("in hex");
  });
});
