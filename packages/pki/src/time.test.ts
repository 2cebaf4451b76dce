import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TAG } from "./der.js";
import { MalformedInput } from "./errors.js";
import { readTime } from "./time.js";

const read = (tag: number, text: string) => {
  const content = Buffer.from(text, "latin1");
  return readTime({ tag, content, raw: content }, "x");
};

describe("readTime", () => {
  it("reads every second from the year 1 to 9999 as node does", () => {
    const [first, last] = [Date.parse("0001-01-01T00:00:00Z") / 1000, Date.parse("9999-12-31T23:59:59Z") / 1000];
    fc.assert(
      fc.property(fc.integer({ min: first, max: last }), (seconds) => {
        const text = new Date(seconds * 1000).toISOString().replace(/[-:T]|\.000/g, "");
        expect(read(TAG.generalizedTime, text)).toBe(seconds);
      }),
      { numRuns: 5000 },
    );
  });

  it("reads the two-digit years 1950 to 2049", () => {
    expect(read(TAG.utcTime, "500101000000Z")).toBe(Date.parse("1950-01-01T00:00:00Z") / 1000);
    expect(read(TAG.utcTime, "491231235959Z")).toBe(Date.parse("2049-12-31T23:59:59Z") / 1000);
    expect(read(TAG.utcTime, "000229120000Z")).toBe(Date.parse("2000-02-29T12:00:00Z") / 1000);
  });

  it.each([
    "20260601120000",
    "202606011200Z",
    "20260601120000.5Z",
    "20260601120000+0100",
    "20261301120000Z",
    "20260001120000Z",
    "20260631120000Z",
    "20260229120000Z",
    "21000229120000Z",
    "20260601240000Z",
    "20260601126000Z",
    "20260601120060Z",
    "00000101000000Z",
    "2026060112000 Z",
    "",
  ])("refuses %j", (text) => {
    expect(() => read(TAG.generalizedTime, text)).toThrow(MalformedInput);
  });

  it("refuses a time of another type", () => {
    expect(() => read(TAG.utcTime, "20260601120000Z")).toThrow(MalformedInput);
    expect(() => read(TAG.octetString, "20260601120000Z")).toThrow(MalformedInput);
  });
});
