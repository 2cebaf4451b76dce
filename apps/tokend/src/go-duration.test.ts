import { expect, it } from "vitest";
import { parseGoDuration } from "./go-duration.js";

it.each([
  ["60s", 60_000],
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  ["1500ms", 1500],
  ["-2s", -2000],
  ["+2s", 2000],
  ["0", 0],
  ["1us", 0.001],
  ["1µs", 0.001],
  ["5ns", 0.000_005],
  [".5s", 500],
  ["1.s", 1000],
])("reads %s", (text, expected) => {
  expect(parseGoDuration(text)).toBeCloseTo(expected, 9);
});

it.each(["", "60", "s", "1x", "1s ", " 1s", "1d", "--1s", "1e3s", ".s", "1s1", "-", "Infinity"])(
  "refuses %j",
  (text) => {
    expect(parseGoDuration(text)).toBeUndefined();
  },
);
