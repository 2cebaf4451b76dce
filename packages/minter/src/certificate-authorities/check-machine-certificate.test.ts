import { type Certificate, parseCertificate } from "@tokens/pki";
import { distributionPoints, type Issued, name, TestCa } from "@tokens/pki/testing";
import { describe, expect, it } from "vitest";
import type { CaPolicy, ListSource, TrustedCa } from "./ca-policy.js";
import {
  checkMachineCertificate,
  isInForce,
  type RevocationList,
  type RevocationLists,
} from "./check-machine-certificate.js";
import { requestPolicyOf } from "./request-policy.js";

const NOW = Date.parse("2026-06-01T12:00:00Z") / 1000;
const HOST = "host.example.com";
const parse = ({ certificate }: Issued) => parseCertificate(certificate);

const fleet = TestCa.create("Fleet");
const below = fleet.intermediate("Below");
const beside = fleet.intermediate("Beside");
const other = TestCa.create("Other");
const [fleetCertificate, belowCertificate, besideCertificate] = [fleet, below, beside].map(parse) as [
  Certificate,
  Certificate,
  Certificate,
];

function trusted(ca: TestCa, changes: Partial<TrustedCa> = {}): TrustedCa {
  const certificate = ca === fleet ? fleetCertificate : parse(ca);
  const requests = requestPolicyOf(undefined);
  const usual = { uniqueId: 7n, certificate, anchors: [certificate], intermediates: [], checks: {}, requests };
  const commonName = certificate.subject.commonNames[0] ?? "";
  return { ...usual, commonName, lists: [], domains: [], files: {}, ...changes } as Partial<TrustedCa> as TrustedCa;
}

const policyOf = (...cas: TrustedCa[]): CaPolicy => new Map(cas.map((ca) => [ca.commonName, ca]));
const withBelow = { intermediates: [belowCertificate, besideCertificate] };
const source = (listId: string, ...issuers: Certificate[]): ListSource => ({ listId, url: "http://a/", issuers });
const fleetLists = [source("fleet", fleetCertificate), source("below", belowCertificate)];
/** A list in force that revokes these serial numbers. */
const list = (...serials: bigint[]): RevocationList => ({
  inForceUntilSeconds: NOW,
  has: (serial) => serials.includes(BigInt(`0x${Buffer.from(serial).toString("hex")}`)),
});
const listsOf = (lists: Record<string, RevocationList>, why?: string): RevocationLists => ({
  find: (listId) => lists[listId],
  ...(why !== undefined && { whyNone: () => why }),
});
const none = listsOf({});

function verdict(machine: Issued, policy: CaPolicy, lists: RevocationLists = none, nowSeconds = NOW): string {
  try {
    return checkMachineCertificate(parse(machine), policy, lists, nowSeconds).ca.commonName;
  } catch (error) {
    return String(error);
  }
}

describe("the CA of a machine's certificate", () => {
  const policy = policyOf(trusted(other), trusted(fleet, withBelow));

  it("is the one that its issuer is called like, or the one above an issuer that is known", () => {
    expect(verdict(fleet.issue(HOST), policy)).toBe("Fleet");
    expect(verdict(other.issue(HOST), policy)).toBe("Other");
    expect(verdict(below.issue(HOST), policy)).toBe("Fleet");
    expect(verdict(beside.issue(HOST), policy)).toBe("Fleet");
  });

  it("is none for a stranger, and for issuers with more or less than one common name", () => {
    expect(verdict(TestCa.create("Stranger").issue(HOST), policy)).toMatch(/no such CA "Stranger"/);
    expect(verdict(below.issue(HOST), policyOf(trusted(fleet)))).toMatch(/no such CA "Below"/);
    for (const issuer of [name("O=Fleet"), name("CN=Fleet", "CN=Fleet"), name("CN=Fleet", "CN=Other")]) {
      expect(verdict(fleet.issue(HOST, { issuer }), policy)).toMatch(/exactly one common name/);
    }
  });

  it("must have signed it, whatever it is called", () => {
    expect(verdict(TestCa.create("Fleet").issue(HOST), policy)).toMatch(/signature is not the CA's/);
    expect(verdict(TestCa.create("Below").issue(HOST), policy)).toMatch(/signature is not the CA's/);
  });
});

describe("revocation", () => {
  const policy = policyOf(trusted(fleet, { ...withBelow, lists: fleetLists }));
  const machine = fleet.issue(HOST, { serial: 0x51n });
  const deep = below.issue(HOST, { serial: 0x51n });

  it("wants the list of each issuer that has one, in force", () => {
    expect(verdict(machine, policy, listsOf({ fleet: list() }))).toBe("Fleet");
    expect(verdict(deep, policy, listsOf({ fleet: list(), below: list() }))).toBe("Fleet");
    expect(verdict(deep, policy, listsOf({ fleet: list() }))).toMatch(
      /no CRL of CA "below" is in force: none was taken/,
    );
    expect(verdict(deep, policy, listsOf({ below: list() }))).toMatch(/no CRL of CA "fleet" is in force/);
    expect(verdict(machine, policy, listsOf({}, "it was not found"))).toMatch(/in force: it was not found/);
    expect(verdict(machine, policy, listsOf({ fleet: list() }), NOW + 1)).toMatch(/no CRL of CA "fleet" is in force/);
  });

  it("is told by the issuer's own list alone, and by one that is not in force any more, too", () => {
    expect(verdict(machine, policy, listsOf({ fleet: list(0x51n) }))).toMatch(/certificate 51 has been revoked/);
    expect(verdict(machine, policy, listsOf({ fleet: list(0x51n) }), NOW + 1)).toMatch(/has been revoked/);
    expect(verdict(machine, policy, listsOf({ fleet: list(0x52n), below: list(0x51n) }))).toBe("Fleet");
    expect(verdict(deep, policy, listsOf({ fleet: list(0x51n), below: list() }))).toBe("Fleet");
    expect(verdict(deep, policy, listsOf({ fleet: list(), below: list(0x51n) }))).toMatch(/has been revoked/);
    const { serialMagnitude } = belowCertificate;
    const serial = BigInt(`0x${Buffer.from(serialMagnitude).toString("hex")}`);
    expect(verdict(deep, policy, listsOf({ fleet: list(serial), below: list() }))).toMatch(/has been revoked/);
  });

  it("is not asked about where the policy names no list, be it of one issuer or of all", () => {
    const never: RevocationLists = { find: () => expect.unreachable("a list was asked for") };
    expect(verdict(machine, policyOf(trusted(fleet)), never)).toBe("Fleet");
    const elsewhere = distributionPoints({ url: "http://a/", crlIssuer: "CN=B" });
    expect(verdict(fleet.issue(HOST, { extensions: [elsewhere] }), policyOf(trusted(fleet)), never)).toBe("Fleet");
    const lists = listsOf({ fleet: list() });
    expect(verdict(beside.issue(HOST), policy, lists)).toBe("Fleet");
  });

  it("goes on from a CA's key to its next one", () => {
    const next = TestCa.create("Fleet");
    const anchors = [fleetCertificate, parse(next)];
    const both = policyOf(trusted(fleet, { anchors, lists: [source("fleet", ...anchors)] }));
    const issued = next.issue(HOST, { serial: 0x51n });
    expect(verdict(issued, both, listsOf({ fleet: list() }))).toBe("Fleet");
    expect(verdict(issued, both, listsOf({ fleet: list(0x51n) }))).toMatch(/has been revoked/);
  });
});

it("tells which checks fail that the CA's policy only reports", () => {
  const machine = fleet.issue(HOST, { serial: 2n ** 180n });
  const policy = policyOf(trusted(fleet, { checks: { serial_length: "report" } }));
  const { reports } = checkMachineCertificate(parse(machine), policy, none, NOW);
  expect(reports).toEqual([{ policy: "serial_length", message: expect.stringContaining("23 octets") }]);
  expect(verdict(machine, policyOf(trusted(fleet)))).toMatch(/23 octets/);
});

it("takes a list to be in force until the last of its seconds", () => {
  expect([NOW - 1, NOW, NOW + 1, Number.NaN].map((at) => isInForce(list(), at))).toEqual([true, true, false, false]);
  expect(isInForce(undefined, NOW)).toBe(false);
});
