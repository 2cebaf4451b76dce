import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTokenFile, serializeTokenFile } from "./token-file.js";

describe("the token file", () => {
  it("is protobuf's JSON with keys in order and unset ones left out", () => {
    const file = { expiry: 3, luci_machine_token: "t", last_update: 0, tokend_state: "s" };
    expect(serializeTokenFile(file)).toBe(
      '{\n  "luci_machine_token": "t",\n  "expiry": "3",\n  "tokend_state": "s"\n}',
    );
  });

  it("is read as it is written", () => {
    const file = fc.record({
      luci_machine_token: fc.string({ minLength: 1 }),
      expiry: fc.integer({ min: 1 }),
      next_update: fc.integer({ min: 1 }),
    });
    fc.assert(
      fc.property(file, (each) => {
        expect(parseTokenFile(serializeTokenFile(each))).toEqual(each);
      }),
    );
  });

  it("may have its times as numbers, and nulls", () => {
    expect(parseTokenFile('{"expiry": 3, "next_update": "4", "tokend_state": null}')).toEqual({
      expiry: 3,
      next_update: 4,
    });
  });

  it.each([
    "",
    "not json",
    "[]",
    "1",
    "null",
    '{"more": 1}',
    '{"expiry": "x"}',
    '{"expiry": 1.5}',
    '{"expiry": "99999999999999999999"}',
    '{"luci_machine_token": 1}',
    '{"__proto__": "x"}',
  ])("is refused when it is none: %s", (text) => {
    expect(() => parseTokenFile(text)).toThrow(Error);
  });
});
