import { describe, expect, it } from "vitest";
import { formatTime, parseTime } from "./rfc3339.js";

describe("parseTime", () => {
  it.each([
    ["2026-06-01T12:00:00Z", 1_780_315_200_000],
    ["2026-06-01t12:00:00z", 1_780_315_200_000],
    ["2026-06-01T14:00:00.250+02:00", 1_780_315_200_250],
  ])("reads %s", (text, time) => {
    expect(parseTime(text, "at")).toBe(time);
  });

  it.each([
    "",
    "now",
    "2026-06-01",
    "2026-06-01 12:00:00Z",
    "2026-06-01T12:00:00",
    "2026-13-01T12:00:00Z",
    "1780315200",
  ])("refuses %s and names the option", (text) =>
    expect(() => parseTime(text, "until")).toThrow("--until must be a time like"),
  );
});

describe("formatTime", () => {
  it("writes what parseTime reads", () => {
    expect(formatTime(1_780_315_200_000)).toBe("2026-06-01T12:00:00Z");
    expect(formatTime(1_780_315_200_250)).toBe("2026-06-01T12:00:00.250Z");
    expect(parseTime(formatTime(253_402_300_799_000), "at")).toBe(253_402_300_799_000);
  });
});
