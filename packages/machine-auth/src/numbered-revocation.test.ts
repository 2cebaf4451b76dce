import { describe, expect, it } from "vitest";
import { CanonicalWriter } from "./canonical-proto.js";
import { decodeRevocation, encodeRevocation, type NumberedRevocation } from "./numbered-revocation.js";

const FINGERPRINT = "00112233445566778899aabbccddeeff";
const certificate = (caId: number, certSn: string) => new CanonicalWriter().number(1, caId).hex(2, certSn).finish();
/** The beginning of every revocation that has a number. */
const numbered = () => new CanonicalWriter().number(1, 7);

describe("a revocation", () => {
  it.each<NumberedRevocation["subject"]>([
    { kind: "token", fingerprint: FINGERPRINT },
    { kind: "machine", fqdn: "host-1.example.com" },
    { kind: "certificate", caId: 42n, certSn: "1001" },
    { kind: "certificate", caId: 0n, certSn: "01" },
    { kind: "ca", caId: 0n },
  ])("is read as it was written: %o", (subject) => {
    for (const until of [1, 2_000_000_000, Number.POSITIVE_INFINITY]) {
      const revocation = { number: 7, subject, until };
      expect(decodeRevocation(encodeRevocation(revocation))).toEqual(revocation);
    }
  });

  it.each<[string, () => CanonicalWriter]>([
    ["nothing", numbered],
    ["a token and a machine", () => numbered().hex(2, FINGERPRINT).string(3, "host-1")],
    ["a token and a certificate", () => numbered().hex(2, FINGERPRINT).bytes(4, certificate(42, "1001"))],
    ["a token and a CA", () => numbered().hex(2, FINGERPRINT).oneofInt64(5, 42n)],
    ["a machine and a CA", () => numbered().string(3, "host-1").oneofInt64(5, 42n)],
    ["a certificate and the CA 0", () => numbered().bytes(4, certificate(42, "1001")).oneofInt64(5, 0n)],
    ["half a fingerprint", () => numbered().hex(2, FINGERPRINT.slice(16))],
    ["half a fingerprint, and a machine", () => numbered().hex(2, FINGERPRINT.slice(16)).string(3, "host-1")],
    ["a machine that cannot be, and a token", () => numbered().hex(2, FINGERPRINT).string(3, "host 1")],
    ["a machine that cannot be, and a CA", () => numbered().string(3, "host 1").oneofInt64(5, 42n)],
    ["a machine that cannot be", () => numbered().string(3, "host 1")],
  ])("is refused when it revokes %s", (_name, writer) => {
    expect(() => decodeRevocation(writer().finish())).toThrow("does not revoke one thing");
  });

  it.each<[string, () => CanonicalWriter, string]>([
    ["a number", () => new CanonicalWriter().hex(2, FINGERPRINT), "has no number"],
    ["a serial number", () => numbered().bytes(4, certificate(42, "")), "has no serial number"],
  ])("is refused without %s", (_name, writer, words) => {
    expect(() => decodeRevocation(writer().finish())).toThrow(words);
  });

  it("is refused with more behind it, or behind its certificate", () => {
    const more = numbered().hex(2, FINGERPRINT).number(7, 1);
    expect(() => decodeRevocation(more.finish())).toThrow("unknown, repeated, or out of order");
    const sealed = Buffer.concat([certificate(42, "1001"), new CanonicalWriter().number(3, 1).finish()]);
    expect(() => decodeRevocation(numbered().bytes(4, sealed).finish())).toThrow("unknown, repeated, or out of order");
  });

  it("is not written with what is not hex", () => {
    const subject = { kind: "token" as const, fingerprint: "not hex" };
    expect(() => encodeRevocation({ number: 7, subject, until: 1 })).toThrow(TypeError);
  });
});
