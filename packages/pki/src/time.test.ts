import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DerReader, TAG } from "./der.js";
import { MalformedInput } from "./errors.js";
import { readTime } from "./time.js";

const read = (tag: number, text: string, deviations?: string[]) => {
  const element = Buffer.from(`..${text}`, "latin1");
  element.set([tag, text.length]);
  return readTime(new DerReader(element, deviations), "x");
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

  it.each<[string, number, string, string]>([
    ["without seconds", TAG.utcTime, "2606011200Z", "2026-06-01T12:00:00Z"],
    ["east of Greenwich", TAG.utcTime, "260601120000+0130", "2026-06-01T10:30:00Z"],
    ["west of it", TAG.generalizedTime, "20260601120000-0800", "2026-06-01T20:00:00Z"],
  ])("notes a time %s, where deviations are noted, and else refuses it", (_, tag, text, time) => {
    const deviations: string[] = [];
    expect(read(tag, text, deviations)).toBe(Date.parse(time) / 1000);
    expect(deviations).toEqual(["x: a time with a time zone or without seconds"]);
    expect(() => read(tag, text)).toThrow(MalformedInput);
  });

  it.each([
    "26060112Z",
    "2606011200000Z",
    "260601120000",
    "260601120000ZZ",
    "260601120000*0130",
    "260601120000+013",
    "260601120000+01300",
    "260601120000+01:0",
    "260601120000+0130Z",
  ])("refuses %j even where deviations are noted", (text) => {
    expect(() => read(TAG.utcTime, text, [])).toThrow(/not a time/);
  });

  it("refuses a time zone that there is not", () => {
    expect(() => read(TAG.utcTime, "260601120000+2400", [])).toThrow(/no such time zone/);
    expect(() => read(TAG.utcTime, "260601120000+0060", [])).toThrow(/no such time zone/);
  });

  it("refuses a time of another type", () => {
    expect(() => read(TAG.utcTime, "20260601120000Z")).toThrow(MalformedInput);
    expect(() => read(TAG.octetString, "20260601120000Z")).toThrow(MalformedInput);
  });
});
