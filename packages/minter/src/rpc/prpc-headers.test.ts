import { describe, expect, it } from "vitest";
import { announcedTimeoutMs, checkBinaryHeaders, maxResponseBytes } from "./prpc-headers.js";

const refusal = expect.objectContaining({ name: "ProtocolError", code: 3, status: undefined });
const timeout = (value: string) => announcedTimeoutMs(new Headers({ "X-Prpc-Grpc-Timeout": value }));
const limit = (value: string) => maxResponseBytes(new Headers({ "X-Prpc-Max-Response-Size": value }));

describe("announcedTimeoutMs", () => {
  it.each([
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["10S", 10_000],
    ["5000m", 5000],
    ["60000000u", 60_000],
    ["1000000n", 1],
    ["0S", 0],
    ["-1S", -1000],
    ["+1S", 1000],
    ["9223372036854775807H", 2 ** 63 * 3_600_000],
  ])("reads %s", (value, expected) => {
    expect(timeout(value)).toBeCloseTo(expected);
  });

  it("may be absent", () => {
    expect(announcedTimeoutMs(new Headers())).toBeUndefined();
  });

  it.each([
    "S",
    "10",
    "1s",
    "1.5S",
    "99999999999999999999S",
    "9223372036854775808S",
    "1 S",
    "0x1S",
    "1S, 1S",
    "__proto__",
  ])("refuses %j", (value) => {
    expect(() => timeout(value)).toThrow(refusal);
  });
});

describe("maxResponseBytes", () => {
  it("reads a positive number, or nothing", () => {
    expect(limit("33521664")).toBe(33_521_664);
    expect(maxResponseBytes(new Headers())).toBeUndefined();
  });

  it.each(["0", "-1", "abc", "1.5", "99999999999999999999"])("refuses %j", (value) => {
    expect(() => limit(value)).toThrow(refusal);
  });

  it("does not repeat a long value", () => {
    expect(() => limit("x".repeat(10_000))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{0,200}$/) }),
    );
  });
});

describe("checkBinaryHeaders", () => {
  it.each(["", "AQID", "AQI=", "AQ==", "AQID,AQ==", "AQID, AQ=="])("takes %j", (value) => {
    expect(() => checkBinaryHeaders(new Headers({ "X-Thing-Bin": value }))).not.toThrow();
  });

  it.each(["!!!", "AQ", "AQI", "A===", "-_8=", "AQID AQID"])("refuses %j", (value) => {
    expect(() => checkBinaryHeaders(new Headers({ "X-Thing-Bin": value }))).toThrow(refusal);
  });

  it("looks at headers that carry bytes alone", () => {
    expect(() => checkBinaryHeaders(new Headers({ "X-Thing": "!!!", "X-Prpc-Status-Details-Bin": "!" }))).not.toThrow();
  });
});
