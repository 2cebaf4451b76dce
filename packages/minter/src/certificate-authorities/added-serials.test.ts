import { indexEntries } from "@tokens/pki/crl";
import { revokedEntry } from "@tokens/pki/testing";
import { describe, expect, it } from "vitest";
import { addedSerials, countDropped, MAX_ADDED_SERIALS } from "./added-serials.js";

const indexOf = (...serials: number[]) =>
  indexEntries({ entryBytes: Buffer.concat(serials.map((serial) => revokedEntry(BigInt(serial)))), version: 2 });

describe("addedSerials", () => {
  it("tells what came, whatever went", () => {
    expect(addedSerials(indexOf(0x01, 0x0203, 0x04), indexOf(0x0203, 0x05))).toEqual(["01", "04"]);
    expect(addedSerials(indexOf(0x01, 0x04), undefined)).toEqual(["01", "04"]);
    expect(addedSerials(indexOf(), indexOf(0x01))).toEqual([]);
  });

  it("leaves out zero, which no token names and no bundle may hold", () => {
    expect(addedSerials(indexOf(0, 1), undefined)).toEqual(["01"]);
    expect(addedSerials(indexOf(0, 1), indexOf(2))).toEqual(["01"]);
  });

  it("has an end", () => {
    const serials = Array.from({ length: MAX_ADDED_SERIALS + 5 }, (_, index) => 0x1000000 + index);
    expect(addedSerials(indexOf(...serials), undefined).length).toBe(MAX_ADDED_SERIALS);
  });
});

it("counts what a list no longer revokes, zero too", () => {
  expect(countDropped(indexOf(0, 0x01, 0x0203), indexOf(0x01, 0x05))).toBe(2);
  expect(countDropped(indexOf(), indexOf(0x01))).toBe(0);
});
