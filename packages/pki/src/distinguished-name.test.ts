import { describe, expect, it } from "vitest";
import { DerReader } from "./der.js";
import { namesMatch, readName } from "./distinguished-name.js";
import { MalformedInput } from "./errors.js";

const der = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag, content.length), content]);
};
const TYPES = { cn: "550403", o: "55040a" };
const attribute = (type: keyof typeof TYPES, tag: number, value: string | Buffer) =>
  der(0x30, der(0x06, Buffer.from(TYPES[type], "hex")), der(tag, Buffer.from(value)));
const name = (...relative: Buffer[][]) => der(0x30, ...relative.map((attributes) => der(0x31, ...attributes)));
const read = (bytes: Buffer) => readName(new DerReader(bytes), "name");

const UTF8 = 0x0c;
const PRINTABLE = 0x13;
const TELETEX = 0x14;

describe("readName", () => {
  it("finds all common names in order", () => {
    const two = name([attribute("cn", UTF8, "a")], [attribute("o", UTF8, "x")], [attribute("cn", PRINTABLE, "b")]);
    expect(read(two).commonNames).toEqual(["a", "b"]);
    expect(read(name([attribute("cn", UTF8, "a"), attribute("cn", UTF8, "b")])).commonNames).toEqual(["a", "b"]);
    expect(read(name()).commonNames).toEqual([]);
  });

  it.each([
    ["UTF8String", UTF8, Buffer.from("hôst\n\0", "utf8"), "hôst\n\0"],
    ["TeletexString as Latin-1", TELETEX, Buffer.from("hôst", "latin1"), "hôst"],
    ["BMPString", 0x1e, Buffer.from("0068006f", "hex"), "ho"],
    ["UniversalString", 0x1c, Buffer.from("000000680001f600", "hex"), "h\u{1f600}"],
    ["IA5String", 0x16, Buffer.from("h@b"), "h@b"],
    ["NumericString", 0x12, Buffer.from("12 3"), "12 3"],
    ["a byte order mark as it is", UTF8, Buffer.from("\ufeffa"), "\ufeffa"],
  ])("decodes %s", (_, tag, value, text) => {
    expect(read(name([attribute("cn", tag, value)])).commonNames).toEqual([text]);
  });

  it.each([
    ["bad UTF-8", UTF8, Buffer.from("ff", "hex")],
    ["an encoded surrogate", UTF8, Buffer.from("eda080", "hex")],
    ["an at sign in a PrintableString", PRINTABLE, Buffer.from("a@b")],
    ["a byte above 7f in an IA5String", 0x16, Buffer.from("80", "hex")],
    ["a letter in a NumericString", 0x12, Buffer.from("1a")],
    ["half a character in a BMPString", 0x1e, Buffer.from("006800", "hex")],
    ["a code point that does not exist", 0x1c, Buffer.from("00110000", "hex")],
    ["a common name that is no text", 0x04, Buffer.from("a")],
  ])("refuses %s", (_, tag, value) => {
    expect(() => read(name([attribute("cn", tag, value)]))).toThrow(MalformedInput);
  });

  it("refuses an empty relative name", () => {
    expect(() => read(name([]))).toThrow(MalformedInput);
  });
});

describe("namesMatch", () => {
  const example = name([attribute("o", UTF8, "Example  Org")], [attribute("cn", PRINTABLE, "Fleet CA")]);
  const match = (a: Buffer, b: Buffer) => namesMatch(read(a), read(b));

  it("looks past the type of a string, case and blanks", () => {
    const other = name([attribute("o", PRINTABLE, " example org")], [attribute("cn", UTF8, "FLEET  ca")]);
    expect(match(example, other)).toBe(true);
  });

  it("looks past the order within a relative name only", () => {
    const [o, cn] = [attribute("o", UTF8, "a"), attribute("cn", UTF8, "b")];
    expect(match(name([o, cn]), name([cn, o]))).toBe(true);
    expect(match(name([o], [cn]), name([cn], [o]))).toBe(false);
    expect(match(name([o, cn]), name([o], [cn]))).toBe(false);
  });

  it.each([
    ["another value", name([attribute("o", UTF8, "Other")], [attribute("cn", UTF8, "Fleet CA")])],
    ["one part less", name([attribute("cn", UTF8, "Fleet CA")])],
    ["the values under other types", name([attribute("cn", UTF8, "Example Org")], [attribute("o", UTF8, "Fleet CA")])],
  ])("sees %s", (_, other) => {
    expect(match(example, other)).toBe(false);
  });

  it("is not fooled by text that looks like its own separators", () => {
    expect(
      match(name([attribute("o", UTF8, 'a"],["x')]), name([attribute("o", UTF8, "a")], [attribute("o", UTF8, "x")])),
    ).toBe(false);
  });
});
