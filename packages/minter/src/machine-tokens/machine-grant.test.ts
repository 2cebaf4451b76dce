import { create } from "@bufbuild/protobuf";
import { CertificateAuthorityConfigSchema } from "@tokens/api/config";
import { ErrorCode } from "@tokens/api";
import type { Certificate } from "@tokens/pki";
import { describe, expect, it } from "vitest";
import type { DomainRule, TrustedCa } from "../certificate-authorities/ca-policy.js";
import { requestPolicyOf } from "../certificate-authorities/request-policy.js";
import { Refusal } from "../errors.js";
import { grantMachineToken } from "./machine-grant.js";

const allow = (domain: string, lifetimeSeconds = 3600): DomainRule => ({ domain, lifetimeSeconds });
const forbid = (domain: string): DomainRule => ({ domain, lifetimeSeconds: undefined });

function grant(fqdn: string, domains: DomainRule[], serial = 258n, audience: string[] = [], allowed: string[] = []) {
  const certificate = {
    subject: { commonNames: [fqdn], der: new Uint8Array() },
    dnsNames: [],
    serial,
    serialMagnitude: Uint8Array.of(1, 2),
  } as unknown as Certificate;
  const ca: TrustedCa = {
    commonName: "CA",
    uniqueId: -7n,
    certificate,
    anchors: [certificate],
    intermediates: [],
    checks: {},
    requests: { ...requestPolicyOf(undefined), allowed_audience: new Set(allowed) },
    lists: [],
    domains,
    config: create(CertificateAuthorityConfigSchema),
    files: {},
  };
  return grantMachineToken({ certificate, ca, reports: [] }, audience);
}

const reasonFor = (fqdn: string, domains: DomainRule[], serial?: bigint): string => {
  try {
    grant(fqdn, domains, serial);
    return "granted";
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.message;
  }
};

describe("grantMachineToken", () => {
  it("grants what the policy says", () => {
    expect(grant("h.example.com", [allow("example.com", 60)])).toEqual({
      fqdn: "h.example.com",
      lifetimeSeconds: 60,
      audience: [],
      caId: -7n,
      certSn: Uint8Array.of(1, 2),
    });
  });

  it("matches the domain after the first dot, or what it ends with at a label border", () => {
    expect(reasonFor("h.a.example.com", [allow("example.com")])).toBe("granted");
    expect(reasonFor("h.evilexample.com", [allow("example.com")])).toMatch(/not listed/);
    expect(reasonFor("example.com", [allow("example.com")])).toMatch(/"com" is not listed/);
  });

  it("lets the first match decide", () => {
    const rules = [allow("short.example.com", 60), allow("example.com", 3600)];
    expect(grant("h.short.example.com", rules).lifetimeSeconds).toBe(60);
    expect(grant("h.short.example.com", rules.toReversed()).lifetimeSeconds).toBe(3600);
    expect(reasonFor("h.a.b", [forbid("a.b"), allow("a.b")])).toMatch(/are not allowed/);
  });

  it("never matches a domain that is not written in lower case", () => {
    expect(reasonFor("h.example.com", [forbid("EXAMPLE.com")])).toMatch(/not listed/);
  });

  it("refuses serial number 0", () => {
    expect(reasonFor("h.a.b", [allow("a.b")], 0n)).toBe("invalid certificate serial number: 0");
  });
});

describe("the audience of a token", () => {
  const domains = [allow("fleet.example.com")];
  const ask = (audience: string[], allowed: string[]) => {
    try {
      return grant("host.fleet.example.com", domains, 258n, audience, allowed).audience;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return ErrorCode[error.errorCode ?? -1];
    }
  };
  const services = (count: number, bytes = 10) =>
    Array.from({ length: count }, (_, index) => `service:${index}`.padEnd(bytes, "x"));

  it("is what was asked for, if the CA allows all of it", () => {
    expect(ask([], [])).toEqual([]);
    expect(ask(["service:a"], ["service:b", "service:a"])).toEqual(["service:a"]);
    expect(ask(["service:b", "service:a"], ["*"])).toEqual(["service:b", "service:a"]);
    expect(ask(["service:a", "service:c"], ["service:a"])).toBe("BAD_AUDIENCE");
    expect(ask(["service:a"], [])).toBe("BAD_AUDIENCE");
  });

  it.each(["", "*", "a", "service:", "service:*", "user:a@b.c", "service:a b", "service:\u212a"])(
    "is not %j",
    (name) => {
      expect(ask([name], ["*"])).toBe("BAD_AUDIENCE");
    },
  );

  it("attack 14: has at most 64 services and 4096 bytes", () => {
    expect(ask(services(64, 64), ["*"])).toHaveLength(64);
    expect(ask(services(65), ["*"])).toBe("BAD_AUDIENCE");
    expect(ask([...services(63, 64), `service:${"y".repeat(57)}`], ["*"])).toBe("BAD_AUDIENCE");
  });
});
