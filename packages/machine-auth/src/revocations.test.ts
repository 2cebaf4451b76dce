import { describe, expect, it } from "vitest";
import { tokenFingerprint } from "./machine-token.js";
import { type Revocation, Revocations, type RevokedSubject } from "./revocations.js";

const token = "the text of a token";
const origin = { machineFqdn: "host-1.example.com", caId: 42n, certSn: "1001" };

const until = (...revocations: Revocation[]) => new Revocations(revocations).machineTokenUntil(token, origin);
const lasting = (subject: RevokedSubject): Revocation => ({ subject, until: 2000 });

describe("Revocations", () => {
  it("know nothing of a token when there are none", () => {
    expect(until()).toBe(Number.NEGATIVE_INFINITY);
    expect(new Revocations([]).tokenUntil(token)).toBe(Number.NEGATIVE_INFINITY);
  });

  it.each<RevokedSubject>([
    { kind: "token", fingerprint: tokenFingerprint(token) },
    { kind: "machine", fqdn: "host-1.example.com" },
    { kind: "certificate", caId: 42n, certSn: "1001" },
    { kind: "ca", caId: 42n },
  ])("find a token by its $kind", (subject) => {
    expect(until(lasting(subject))).toBe(2000);
  });

  it.each<RevokedSubject>([
    { kind: "token", fingerprint: tokenFingerprint(`${token} `) },
    { kind: "machine", fqdn: "host-2.example.com" },
    { kind: "machine", fqdn: "example.com" },
    { kind: "certificate", caId: 42n, certSn: "01" },
    { kind: "certificate", caId: 4n, certSn: "21001" },
    { kind: "certificate", caId: 43n, certSn: "1001" },
    { kind: "ca", caId: 43n },
  ])("leave others alone: %o", (subject) => {
    expect(until(lasting(subject))).toBe(Number.NEGATIVE_INFINITY);
  });

  it("count as long as the longest that fits", () => {
    const machine: RevokedSubject = { kind: "machine", fqdn: "host-1.example.com" };
    const ca: RevokedSubject = { kind: "ca", caId: 42n };
    expect(
      until({ subject: machine, until: 10 }, { subject: machine, until: 30 }, { subject: machine, until: 20 }),
    ).toBe(30);
    expect(until({ subject: machine, until: 10 }, { subject: ca, until: Number.POSITIVE_INFINITY })).toBe(
      Number.POSITIVE_INFINITY,
    );
  });

  it("tell of a token alone, whatever kind of token it is", () => {
    const list = new Revocations([lasting({ kind: "token", fingerprint: tokenFingerprint(token) })]);
    expect(list.tokenUntil(token)).toBe(2000);
    expect(list.tokenUntil("another")).toBe(Number.NEGATIVE_INFINITY);
  });
});
