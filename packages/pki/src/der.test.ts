import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DerReader, readBits, readBoolean, readInteger, readOid, readWholeBytes } from "./der.js";
import { MalformedInput } from "./errors.js";

const bytes = (hex: string) => Buffer.from(hex, "hex");
const element = (hex: string) => new DerReader(bytes(hex)).any("x");

describe("DerReader", () => {
  it("reads short and long lengths", () => {
    expect(element("0401aa").content).toEqual(bytes("aa"));
    expect(element(`048180${"00".repeat(128)}`).content).toHaveLength(128);
    expect(element(`04820100${"00".repeat(256)}`).content).toHaveLength(256);
  });

  it.each([
    ["nothing", ""],
    ["a tag alone", "04"],
    ["content that is cut short", "0402aa"],
    ["a length that is cut short", "0482ff"],
    ["the indefinite length", "3080"],
    ["a length in one byte more than needed", "048101aa"],
    ["a length with a leading zero", `0482007f${"00".repeat(127)}`],
    ["a length of five bytes", "048500000000010a"],
    ["a tag of two bytes", "1f2001aa"],
    ["a length beyond all memory", "0484ffffffff"],
  ])("refuses %s", (_, hex) => {
    expect(() => element(hex)).toThrow(MalformedInput);
  });

  it("notes deviations instead of refusing them where somebody collects them", () => {
    const deviations: string[] = [];
    const reader = new DerReader(bytes("30020500"), deviations);
    reader.enter(0x30, "outer").end("outer");
    reader.within(element("040100")).end("other");
    expect(deviations).toEqual(["outer: more than expected", "other: more than expected"]);
  });

  it("refuses another type, and what follows the end", () => {
    expect(() => new DerReader(bytes("0401aa")).read(0x02, "x")).toThrow(/^x: missing or of another type$/);
    expect(() => new DerReader(bytes("00")).end("x")).toThrow(/^x: more than expected$/);
  });
});

describe("readInteger", () => {
  it.each([
    ["00", 0n],
    ["7f", 127n],
    ["0080", 128n],
    ["ff", -1n],
    ["8000", -32768n],
    [`00${"ff".repeat(20)}`, 2n ** 160n - 1n],
  ])("reads %s", (hex, number) => {
    expect(readInteger(bytes(hex), "x")).toBe(number);
  });

  it.each(["", "0000", "007f", "ffff", "ff80"])("refuses %j, which is not the shortest form", (hex) => {
    expect(() => readInteger(bytes(hex), "x")).toThrow(MalformedInput);
  });

  it("agrees with two's complement for all numbers", () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 80n), 2n ** 80n), (number) => {
        const size = [...Array(12).keys()].find((n) => BigInt.asIntN(8 * (n + 1), number) === number) ?? 11;
        const hex = BigInt.asUintN(8 * (size + 1), number)
          .toString(16)
          .padStart(2 * (size + 1), "0");
        expect(readInteger(bytes(hex), "x")).toBe(number);
      }),
    );
  });
});

describe("small readers", () => {
  it("knows two booleans", () => {
    expect(readBoolean(bytes("00"), "x")).toBe(false);
    expect(readBoolean(bytes("ff"), "x")).toBe(true);
    for (const hex of ["", "01", "0000", "7f"]) expect(() => readBoolean(bytes(hex), "x")).toThrow(MalformedInput);
  });

  it("reads object identifiers of any size", () => {
    expect(readOid(bytes("550403"), "x")).toBe("2.5.4.3");
    expect(readOid(bytes("2a864886f70d01010b"), "x")).toBe("1.2.840.113549.1.1.11");
    expect(readOid(bytes("8837"), "x")).toBe("2.999");
    expect(readOid(bytes("5583ffffffffffffffffff7f"), "x")).toBe("2.5.4722366482869645213695");
    for (const hex of ["", "80", "558001", "5583"]) expect(() => readOid(bytes(hex), "x")).toThrow(MalformedInput);
  });

  it("reads named bits, the first one highest", () => {
    const bits = readBits(bytes("0705a080"), "x");
    expect([...Array(26).keys()].filter(bits)).toEqual([5, 7, 8, 10, 16]);
    expect(readBits(bytes("00"), "x")(0)).toBe(false);
    for (const hex of ["", "01", "08aa", "07ff", "0401"])
      expect(() => readBits(bytes(hex), "x")).toThrow(MalformedInput);
  });

  it("takes bit strings of whole bytes only", () => {
    expect(readWholeBytes(bytes("00aa"), "x")).toEqual(bytes("aa"));
    for (const hex of ["", "01aa", "08"]) expect(() => readWholeBytes(bytes(hex), "x")).toThrow(MalformedInput);
  });
});
