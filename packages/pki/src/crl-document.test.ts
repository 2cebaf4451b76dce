import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeWithVectors, readVector } from "shared-vectors";
import { type Crl, decodeCrl, parseCrl } from "./crl-document.js";
import { indexEntries } from "./crl-entries.js";
import { CrlError, MalformedInput } from "./errors.js";
import {
  crlNumber,
  type CrlSpec,
  deltaIndicator,
  der,
  extension,
  flipCritical,
  ia5,
  integer,
  issuingDistributionPoint,
  sequence,
  TestCa,
  time,
  unknownExtension,
} from "./testing.js";
import { toPem } from "./x509.js";

const ca = TestCa.create("Fleet CA");
const list = ca.crl({ revoked: [1, 0x8000n, (1n << 160n) - 1n], number: 7 });
const parse = (spec: Partial<CrlSpec>) => parseCrl(ca.crl(spec));

describe("parseCrl", () => {
  it("reads what a list says before its entries", () => {
    const crl = parseCrl(list);
    expect(crl).toMatchObject({
      version: 2,
      issuer: { commonNames: ["Fleet CA"] },
      thisUpdateSeconds: Date.parse("2026-01-01T00:00:00Z") / 1000,
      nextUpdateSeconds: Date.parse("2049-01-01T00:00:00Z") / 1000,
      scope: "complete",
      number: 7n,
      unknownCritical: [],
      signatureAlgorithm: { name: "ECDSA with sha256" },
    });
    expect(indexEntries(crl).count).toBe(3);
  });

  it("takes lists without a number, without nextUpdate, of version 1, and times of either type", () => {
    expect(parse({ number: undefined, nextUpdate: undefined })).toMatchObject({
      number: undefined,
      nextUpdateSeconds: undefined,
    });
    expect(parse({ version: 1 })).toMatchObject({ version: 1, number: undefined });
    const later = new Date("2060-01-01T00:00:00Z");
    expect(parse({ nextUpdate: later }).nextUpdateSeconds).toBe(later.getTime() / 1000);
  });

  it.each<[string, Buffer[], Partial<Crl>]>([
    ["a delta", [deltaIndicator(1)], { scope: "delta" }],
    ["a part by address", [issuingDistributionPoint("url")], { scope: "partitioned" }],
    ["a part for users", [issuingDistributionPoint("users")], { scope: "partitioned" }],
    ["a part for CAs", [issuingDistributionPoint("cas")], { scope: "partitioned" }],
    ["a list for others", [issuingDistributionPoint("indirect")], { scope: "indirect" }],
    ["a delta of a part", [issuingDistributionPoint("url"), deltaIndicator(1)], { scope: "delta" }],
    ["a part that is a delta", [deltaIndicator(1), issuingDistributionPoint("url")], { scope: "delta" }],
    ["an unknown critical extension", [unknownExtension(true)], { unknownCritical: ["1.2.3.4.5"] }],
    ["an unknown extension", [unknownExtension(false)], { unknownCritical: [] }],
    ["a pointer to deltas", [extension("2.5.29.46", sequence())], { scope: "complete", unknownCritical: [] }],
  ])("tells %s", (_, extensions, expected) => {
    expect(parse({ extensions })).toMatchObject(expected);
  });

  it("counts from 0, to 20 octets", () => {
    expect(parse({ number: 0 }).number).toBe(0n);
    expect(parse({ number: (1n << 160n) - 1n }).number).toBe((1n << 160n) - 1n);
  });

  it("never takes a critical number for known", () => {
    expect(parse({ number: undefined, extensions: [flipCritical(crlNumber(1))] }).unknownCritical).toEqual([
      "2.5.29.20",
    ]);
  });

  it.each<[string, Partial<CrlSpec>]>([
    ["version 3", { version: 3 }],
    ["an explicit version 1", { version: 0 }],
    ["a negative number", { number: -1 }],
    ["a number of 21 octets", { number: 1n << 160n }],
    ["the same extension twice", { extensions: [unknownExtension(false), unknownExtension(false)] }],
    ["an issuing point that says nothing", { extensions: [issuingDistributionPoint("nothing")] }],
    ["a delta of nothing", { extensions: [extension("2.5.29.27", ia5("1"), true)] }],
    ["a number that is text", { number: undefined, extensions: [extension("2.5.29.20", ia5("1"))] }],
    [
      "something after a number",
      { number: undefined, extensions: [extension("2.5.29.20", Buffer.concat([integer(1), integer(2)]))] },
    ],
    ["thisUpdate that is no time", { thisUpdate: ia5("now") }],
    ["thisUpdate with a time zone", { thisUpdate: der(0x17, Buffer.from("260101000000+0100")) }],
    ["nextUpdate without seconds", { nextUpdate: der(0x17, Buffer.from("2601010000Z")) }],
    ["something after nextUpdate", { nextUpdate: Buffer.concat([time(new Date("2026-02-01")), ia5("x")]) }],
    ["an issuer that is no name", { issuer: ia5("Fleet CA") }],
    ["an empty list of entries", { nextUpdate: Buffer.concat([time(new Date("2026-02-01")), sequence()]) }],
  ])("refuses %s", (_, spec) => {
    expect(() => parse(spec)).toThrow(MalformedInput);
  });

  it("refuses extensions in version 1, an outer algorithm that is not the signed one, and an empty list of extensions", () => {
    const tbs = (...parts: Buffer[]) => sequence(...parts);
    const [outer] = [parseCrl(list)];
    const content = Buffer.from(outer.tbs);
    const swapped = sequence(content, sequence(Buffer.from("06082a8648ce3d040303", "hex")), der(0x03, Buffer.of(0, 1)));
    expect(() => parseCrl(swapped)).toThrow(/not the signed one/);
    const parts = [sequence(Buffer.from("06082a8648ce3d040302", "hex")), sequence(), time(new Date("2026-01-01"))];
    const frame = (signed: Buffer) => sequence(signed, parts[0] ?? signed, der(0x03, Buffer.of(0, 1)));
    expect(() => parseCrl(frame(tbs(...parts, der(0xa0, sequence(crlNumber(1))))))).toThrow(MalformedInput);
    expect(() => parseCrl(frame(tbs(integer(1), ...parts, der(0xa0, sequence()))))).toThrow(/empty list/);
    expect(parseCrl(frame(tbs(integer(1), ...parts))).version).toBe(2);
  });

  it("refuses a byte more, a byte less, and more bytes than it may read", () => {
    expect(() => parseCrl(Buffer.concat([list, Buffer.of(0)]))).toThrow(MalformedInput);
    for (let length = 0; length < list.length; length++) {
      expect(() => parseCrl(list.subarray(0, length))).toThrow(MalformedInput);
    }
    expect(() => parseCrl(list, list.length - 1)).toThrow(/more than/);
    expect(parseCrl(list, list.length).number).toBe(7n);
  });

  it("throws nothing but its own errors, whatever the bytes", () => {
    const read = (bytes: Uint8Array) => {
      try {
        indexEntries(parseCrl(decodeCrl(bytes)));
      } catch (error) {
        expect(error instanceof MalformedInput || error instanceof CrlError).toBe(true);
      }
    };
    const changed = fc.tuple(fc.nat(list.length - 1), fc.nat(255)).map(([place, byte]) => {
      const bytes = Buffer.from(list);
      bytes[place] = byte;
      return bytes;
    });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), read), { numRuns: 1000 });
    fc.assert(fc.property(changed, read), { numRuns: 3000 });
  });
});

describe("decodeCrl", () => {
  const pem = toPem("X509 CRL", list);

  it("takes DER as it is, and PEM of one list with anything around it", () => {
    expect(decodeCrl(list)).toBe(list);
    const certificate = toPem("CERTIFICATE", ca.certificate);
    for (const text of [pem, `${pem}\n`, `text\n${pem}`, certificate + pem, pem.replaceAll("X509 CRL", "CRL")]) {
      expect(decodeCrl(Buffer.from(text))).toEqual(list);
    }
  });

  it.each([
    ["nothing", ""],
    ["other blocks", toPem("CERTIFICATE", ca.certificate)],
    ["two lists", pem + pem],
    ["an error page", "<html>not found</html>"],
    ["bad base64", pem.replace("MI", "M!")],
  ])("refuses %s", (_, text) => {
    expect(() => decodeCrl(Buffer.from(text))).toThrow(MalformedInput);
  });
});

describeWithVectors("the list that the other vectors were made with", () => {
  it("revokes two machines", () => {
    const crl = parseCrl(readVector("pki/fleet.crl"));
    expect([...indexEntries(crl)]).toEqual(["5150", "7777"]);
  });

  it("is read as openssl reads it", () => {
    const text = execFileSync("openssl", ["crl", "-inform", "DER", "-noout", "-text"], {
      input: readVector("pki/fleet.crl"),
    });
    expect(String(text).match(/Serial Number: (\w+)/g)).toHaveLength(2);
  });
});
