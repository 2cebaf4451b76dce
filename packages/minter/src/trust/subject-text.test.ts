import type { RevokedSubject } from "@tokens/machine-auth";
import { describe, expect, it } from "vitest";
import { readSubject, subjectText } from "./subject-text.js";

describe("subjectText", () => {
  it.each<[string, RevokedSubject]>([
    ["00112233445566778899aabbccddeeff", { kind: "token", fingerprint: "00112233445566778899aabbccddeeff" }],
    ["host.example.com", { kind: "machine", fqdn: "host.example.com" }],
    ["-9223372036854775808", { kind: "ca", caId: -(2n ** 63n) }],
    ["0", { kind: "ca", caId: 0n }],
    ["-1:0a0b", { kind: "certificate", caId: -1n, certSn: "0a0b" }],
  ])("writes %s, and reads it again", (text, subject) => {
    expect(subjectText(subject)).toBe(text);
    expect(readSubject(subject.kind, text)).toEqual(subject);
  });
});
