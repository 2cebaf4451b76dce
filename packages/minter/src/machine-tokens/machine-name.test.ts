import type { Certificate } from "@tokens/pki";
import { describe, expect, it } from "vitest";
import { Refusal } from "../errors.js";
import { machineNameOf } from "./machine-name.js";

/** The two parts of a certificate that say what a machine is called. */
function named(commonNames: string[], dnsNames: string[] = []): Certificate {
  return { subject: { commonNames, der: new Uint8Array() }, dnsNames } as unknown as Certificate;
}

describe("machineNameOf", () => {
  it.each([
    ["the common name", ["host-1.example.com"], [], "host-1.example.com", "example.com"],
    ["the common name in lower case", ["HOST-1.Example.com"], [], "host-1.example.com", "example.com"],
    ["the first DNS name that extends it", ["host"], ["other.a.b", "HOST.a.b", "host.c.d"], "host.a.b", "a.b"],
    ["no DNS name that only begins alike", ["host.a.b"], ["hostess.a.b", "host.a.bc"], "host.a.b", "a.b"],
    ["a DNS name that extends a full name", ["a.b"], ["a.b.c"], "a.b.c", "b.c"],
    ["underscores and digits", ["1_x.2"], [], "1_x.2", "2"],
  ])("takes %s", (_, commonNames, dnsNames, fqdn, domain) => {
    expect(machineNameOf(named(commonNames, dnsNames))).toEqual({ fqdn, domain });
  });

  it.each([
    ["no common name", []],
    ["an empty common name", [""]],
    ["two common names", ["a.example.com", "b.example.com"]],
    ["one common name twice", ["a.example.com", "a.example.com"]],
    ["a name without a dot", ["host"]],
    ["a leading dot", [".example.com"]],
    ["a trailing dot", ["host.example.com."]],
    ["two dots in a row", ["host..example.com"]],
    ["a blank", ["host 1.example.com"]],
    ["a line feed", ["host.example.com\nX: y"]],
    ["a NUL", ["host.example.com\0.evil.com"]],
    ["a wildcard", ["*.example.com"]],
    ["an at sign", ["user@host.example.com"]],
    ["a slash", ["a/b.example.com"]],
    ["a comma", ["a,b.example.com"]],
    ["a letter outside ASCII", ["hôst.example.com"]],
    ["a Cyrillic a", ["\u0430.example.com"]],
    ["the Kelvin sign, which JavaScript lower-cases to k", ["host-\u212A.example.com"]],
    ["a label of 64", [`${"x".repeat(64)}.example.com`]],
    ["more than 253 characters", [`${"x.".repeat(126)}xx`]],
  ])("refuses %s", (_, commonNames) => {
    expect(() => machineNameOf(named(commonNames))).toThrow(Refusal);
  });

  it("refuses a DNS name that extends the common name badly", () => {
    expect(() => machineNameOf(named(["host"], ["host.a b"]))).toThrow(Refusal);
    expect(() => machineNameOf(named(["host"], ["host."]))).toThrow(Refusal);
  });
});
