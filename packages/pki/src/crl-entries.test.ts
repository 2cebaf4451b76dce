import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { indexEntries } from "./crl-entries.js";
import { DerReader } from "./der.js";
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
import { readTime } from "./time.js";

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

  it("takes exactly the dates that the reader of times takes, whatever byte of one is another", () => {
    const isTaken = (read: () => unknown) => {
      try {
        read();
        return true;
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedInput);
        return false;
      }
    };
    const others = [...Array.from("/012345689:Z", (letter) => letter.charCodeAt(0)), 0, 12, 13, 14, 15, 0x17, 0x18];
    const differences: string[] = [];
    for (const good of ["260115102030Z", "000101000000Z", "991028235959Z", "261209192949Z"].map(utc)) {
      for (let place = 0; place < good.length; place++) {
        for (const byte of others) {
          const changed = Buffer.from(good);
          changed[place] = byte;
          const slow = isTaken(() => {
            const reader = new DerReader(changed);
            readTime(reader, "date");
            reader.end("date");
          });
          const entry = sequence(integer(1), changed);
          if (isTaken(() => serialsOf(entry, revokedEntry(9))) !== slow) differences.push(changed.toString("hex"));
        }
      }
    }
    expect(differences).toEqual([]);
  });

  it("takes exactly the reasons that there are, critical or not", () => {
    for (let reason = 0; reason < 256; reason++) {
      const isKnown = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10].includes(reason);
      for (const content of [reasonCode(reason), extension("2.5.29.21", integer(reason, 0x0a), true)]) {
        const read = () => serialsOf(revokedEntry(1, content), revokedEntry(2));
        if (isKnown) expect(read()).toEqual(["01", "02"]);
        else expect(read).toThrow(MalformedInput);
      }
    }
  });

  it("reads entries of every length, and no byte beyond their end", () => {
    const padding = (bytes: number) => extension("1.2.3", der(0x04, new Uint8Array(bytes)));
    for (const bytes of [0, 40, 90, 98, 99, 100, 101, 102, 200, 300, 70_000]) {
      expect(serialsOf(revokedEntry(1, padding(bytes)), revokedEntry(2))).toEqual(["01", "02"]);
    }
    const shortest = sequence(integer(0), utc("260115102030Z"));
    for (let cut = 1; cut < shortest.length; cut++) {
      expect(() => serialsOf(shortest.subarray(0, cut))).toThrow(MalformedInput);
    }
    for (let length = 0; length < shortest.length - 2; length++) {
      const lying = Buffer.from(shortest);
      lying[1] = length;
      expect(() => serialsOf(lying)).toThrow(MalformedInput);
    }
  });

  it("takes no indefinite length for one of 128 bytes", () => {
    const padding = (bytes: number) => extension("1.2.3", der(0x04, new Uint8Array(bytes)));
    const lengths = Array.from({ length: 128 }, (_, bytes) => revokedEntry(1, padding(bytes)));
    const entry =
      lengths.find((each) => each[1] === 0x81 && each[2] === 0x80) ?? expect.unreachable("none has 128 bytes");
    expect(serialsOf(entry)).toEqual(["01"]);
    expect(() => serialsOf(Buffer.concat([Buffer.of(0x30, 0x80), entry.subarray(3)]))).toThrow(MalformedInput);
  });

  it("takes numbers of up to 255 bytes in their shortest form, and no other", () => {
    const numbered = (...content: number[]) => sequence(der(0x02, Buffer.from(content)), date);
    expect(serialsOf(numbered(0), numbered(0x7f), numbered(0, 0x80), numbered(1, 0xff))).toEqual([
      "",
      "7f",
      "80",
      "01ff",
    ]);
    expect(index([numbered(0xff, 0x7f), numbered(0xff), numbered(0x80)]).count).toBe(3);
    for (const padded of [
      [0, 0x7f],
      [0, 0],
      [0xff, 0x80],
      [0xff, 0xff],
    ]) {
      expect(() => serialsOf(numbered(...padded))).toThrow(MalformedInput);
    }
    const longest = Array.from({ length: 255 }, () => 1);
    expect(serialsOf(numbered(...longest))).toEqual(["01".repeat(255)]);
    expect(() => serialsOf(numbered(1, ...longest))).toThrow(MalformedInput);
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
