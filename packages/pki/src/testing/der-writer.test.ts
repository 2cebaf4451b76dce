import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DerReader, readInteger, readOid, TAG } from "../der.js";
import { readName } from "../distinguished-name.js";
import { readTime } from "../time.js";
import { bits, boolean, context, der, integer, name, oid, sequence, set, time, utf8 } from "./der-writer.js";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("the writer of DER", () => {
  it("writes lengths in their shortest form, up to millions", () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 1 << 24]) {
      const element = new DerReader(der(0x04, new Uint8Array(length))).any("x");
      expect(element.content).toHaveLength(length);
    }
  });

  it("writes integers that the reader reads", () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 90n), 2n ** 90n), (number) => {
        expect(readInteger(new DerReader(integer(number)).read(TAG.integer, "x").content, "x")).toBe(number);
      }),
    );
    expect(hex(integer(128))).toBe("02020080");
    expect(hex(integer(5, 0x81))).toBe("810105");
  });

  it("writes object identifiers that the reader reads", () => {
    for (const id of [
      "2.5.4.3",
      "1.2.840.113549.1.1.11",
      "2.16.840.1.101.3.4.2.1",
      "1.3.6.1.4.1.11129.2.4.3",
      "2.999",
      "2.25.29290671811972706296897975008315633195",
    ]) {
      expect(readOid(new DerReader(oid(id)).read(TAG.oid, "x").content, "x")).toBe(id);
    }
  });

  it("writes times in the type that RFC 5280 wants", () => {
    for (const [text, tag] of [
      ["1950-01-01T00:00:00Z", 0x17],
      ["2049-12-31T23:59:59Z", 0x17],
      ["2050-01-01T00:00:00Z", 0x18],
      ["1949-12-31T23:59:59Z", 0x18],
    ] as const) {
      const element = time(new Date(text));
      expect(element[0]).toBe(tag);
      expect(readTime(new DerReader(element), "x")).toBe(Date.parse(text) / 1000);
    }
  });

  it("writes names and the rest", () => {
    expect(readName(new DerReader(name("O=Example", "CN=a=b", "emailAddress=a@b.c")), "x").relativeNames).toEqual([
      [{ type: "2.5.4.10", value: "Example" }],
      [{ type: "2.5.4.3", value: "a=b" }],
      [{ type: "1.2.840.113549.1.9.1", value: "a@b.c" }],
    ]);
    expect(() => name("XX=1")).toThrow(TypeError);
    expect(hex(context(3, sequence(boolean(true)), set()))).toBe("a30730030101ff3100");
    expect(hex(bits(Buffer.of(0x80), 7))).toBe("03020780");
    expect(hex(utf8("é"))).toBe("0c02c3a9");
  });
});
