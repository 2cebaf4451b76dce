import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { indexEntries } from "./crl-entries.js";
import { CrlError, MalformedInput } from "./errors.js";
import {
  certificateIssuer,
  der,
  extension,
  ia5,
  integer,
  reasonCode,
  revokedEntry,
  sequence,
  time,
  unknownExtension,
} from "./testing.js";

const index = (entries: readonly Buffer[], version = 2) =>
  indexEntries({ entryBytes: Buffer.concat(entries), version });
const serialsOf = (...entries: Buffer[]) => [...index(entries)];
const date = time(new Date("2026-01-15T10:20:30Z"));
const utc = (text: string) => der(0x17, Buffer.from(text));

describe("indexEntries", () => {
  it("finds every serial that is listed, whatever its size and reason", () => {
    const entry = fc.tuple(fc.bigInt(0n, 1n << 200n), fc.constantFrom(undefined, 0, 1, 6, 8, 10), fc.boolean());
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 60 }), (given) => {
        const made = given.map(([serial, reason, later]) => {
          const when = time(new Date(later ? "2055-01-01T00:00:00Z" : "2026-01-01T00:00:00Z"));
          return sequence(integer(serial), when, ...(reason === undefined ? [] : [sequence(reasonCode(reason))]));
        });
        const found = index(made);
        expect(found.count).toBe(given.length);
        const hex = (serial: bigint) => {
          const digits = serial === 0n ? "" : serial.toString(16);
          return digits.length % 2 === 0 ? digits : `0${digits}`;
        };
        expect([...found]).toEqual(given.map(([serial]) => hex(serial)));
      }),
    );
  });

  it("counts removeFromCRL as revoked: a complete list has nothing to remove from", () => {
    expect(serialsOf(revokedEntry(5, reasonCode(8)))).toEqual(["05"]);
  });

  it("counts a negative number, and never takes it for the positive one with the same bytes", () => {
    const found = index([revokedEntry(-128), revokedEntry(1)]);
    expect([found.count, [...found]]).toEqual([2, ["01"]]);
    expect(found.has(Buffer.of(0x80))).toBe(false);
  });

  it("passes over extensions that are not critical, and reads those it knows", () => {
    const invalidity = extension("2.5.29.24", der(0x18, Buffer.from("20260101000000Z")));
    const hold = extension("2.5.29.23", sequence());
    expect(serialsOf(revokedEntry(1, invalidity, reasonCode(6), hold, unknownExtension(false)))).toEqual(["01"]);
    expect(serialsOf(revokedEntry(1, extension("2.5.29.21", integer(1, 0x0a), true)))).toEqual(["01"]);
  });

  it("takes dates at the ends of months as the calendar has them", () => {
    expect(serialsOf(sequence(integer(1), utc("240229000000Z")))).toEqual(["01"]);
    expect(serialsOf(sequence(integer(1), utc("260131235959Z")))).toEqual(["01"]);
    expect(() => serialsOf(sequence(integer(1), utc("260229000000Z")))).toThrow(MalformedInput);
  });

  it.each<[string, Buffer]>([
    ["an entry that is no sequence", der(0x31, integer(1), date)],
    ["an entry without a date", sequence(integer(1))],
    ["an entry without a number", sequence(date)],
    ["nothing in an entry", sequence()],
    ["a number without bytes", sequence(der(0x02), date)],
    ["a number with a leading zero", sequence(der(0x02, Buffer.of(0, 1)), date)],
    ["a negative number with leading ones", sequence(der(0x02, Buffer.of(0xff, 0x80)), date)],
    ["a number of 256 bytes", sequence(der(0x02, new Uint8Array(256).fill(1)), date)],
    ["a number that is text", sequence(ia5("1"), date)],
    ["a date that is text", sequence(integer(1), ia5("260101000000Z"))],
    ["month 13", sequence(integer(1), utc("261301000000Z"))],
    ["day 0", sequence(integer(1), utc("260100000000Z"))],
    ["hour 24", sequence(integer(1), utc("260101240000Z"))],
    ["a letter in a date", sequence(integer(1), utc("2601010a0000Z"))],
    ["a date without seconds", sequence(integer(1), utc("2601010000Z"))],
    ["a date with a zone", sequence(integer(1), utc("260101000000+0000"))],
    ["extensions that are none", sequence(integer(1), date, ia5("x"))],
    ["an empty list of extensions", sequence(integer(1), date, sequence())],
    ["something after the extensions", sequence(integer(1), date, sequence(reasonCode(1)), integer(1))],
    ["an extension twice", revokedEntry(1, reasonCode(1), reasonCode(1))],
    ["reason 7, which is not used", revokedEntry(1, reasonCode(7))],
    ["reason 11", revokedEntry(1, reasonCode(11))],
    ["a reason that is a plain integer", revokedEntry(1, extension("2.5.29.21", integer(1)))],
    ["an invalidity date that is text", revokedEntry(1, extension("2.5.29.24", ia5("x")))],
    ["an entry that is cut short", Buffer.from("3003020101", "hex").subarray(0, 4)],
    ["a length in more bytes than needed", Buffer.from("308113020101170d3236303130313030303030305a", "hex")],
    ["an entry of indefinite length", Buffer.from("3080020101170d3236303130313030303030305a0000", "hex")],
  ])("refuses %s", (_, bytes) => {
    expect(() => serialsOf(revokedEntry(9), bytes, revokedEntry(9))).toThrow(MalformedInput);
  });

  it("refuses extensions of entries in a list of version 1", () => {
    expect(() => index([revokedEntry(1, reasonCode(1))], 1)).toThrow(MalformedInput);
    expect([...index([revokedEntry(1)], 1)]).toEqual(["01"]);
  });

  it.each<[string, Buffer, string]>([
    ["of another issuer", certificateIssuer("Other"), "indirect"],
    ["with an unknown critical extension", unknownExtension(true), "critical_extension"],
  ])("refuses an entry %s by name", (_, extensionOfEntry, policy) => {
    const read = () => serialsOf(revokedEntry(1, extensionOfEntry));
    expect(read).toThrow(CrlError);
    expect(read).toThrow(expect.objectContaining({ code: "PROFILE", policy }));
  });
});
