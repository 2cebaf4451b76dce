import { describe, expect, it } from "vitest";
import { addedSerials, countDropped, MAX_ADDED_SERIALS } from "./added-serials.js";

const setOf = (...serials: string[]) => ({
  has: (serial: Uint8Array) => serials.includes(Buffer.from(serial).toString("hex")),
});

describe("addedSerials", () => {
  it("tells what came, whatever went", () => {
    expect(addedSerials(["01", "0203", "04"], setOf("0203", "05"))).toEqual(["01", "04"]);
    expect(addedSerials(["01", "04"], undefined)).toEqual(["01", "04"]);
    expect(addedSerials([], setOf("01"))).toEqual([]);
  });

  it("leaves out zero, which no token names and no bundle may hold", () => {
    expect(addedSerials(["", "01"], undefined)).toEqual(["01"]);
  });

  it("has an end", () => {
    const serials = Array.from({ length: MAX_ADDED_SERIALS + 5 }, (_, index) =>
      (0x1000000 + index).toString(16).padStart(8, "0"),
    );
    expect(addedSerials(serials, undefined).length).toBe(MAX_ADDED_SERIALS);
  });
});

it("counts what a list no longer revokes, zero too", () => {
  expect(countDropped(["", "01", "0203"], setOf("01", "05"))).toBe(2);
  expect(countDropped([], setOf("01"))).toBe(0);
});
