import { describe, expect, it } from "vitest";
import { parseDuration } from "./duration.js";
import { UsageError } from "./exit-code.js";

describe("parseDuration", () => {
  it.each([
    ["30s", 30_000],
    ["10m", 600_000],
    ["1h30m", 5_400_000],
    ["1h0m1s", 3_601_000],
    ["8760h", 31_536_000_000],
    ["0s", 0],
  ])("%s is %i ms", (text, milliseconds) => {
    expect(parseDuration(text, "x")).toBe(milliseconds);
  });

  it.each(["", "1", "1d", "m", "30m1h", "-1s", "1.5h", " 1s", "1s\n", "99999999999s"])("refuses %j", (text) => {
    expect(() => parseDuration(text, "--key-lead")).toThrow(UsageError);
    expect(() => parseDuration(text, "--key-lead")).toThrow(/--key-lead must be a duration/);
  });
});
