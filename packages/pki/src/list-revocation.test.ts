import { describe, expect, it } from "vitest";
import { verdictOf } from "../test/verdict.js";
import { parseCertificate } from "./certificate.js";
import { checkCertificate } from "./check-certificate.js";
import type { CrlTerms } from "./check-crl.js";
import { parseCrl } from "./crl-document.js";
import { indexEntries } from "./crl-entries.js";
import { revocationByLists } from "./list-revocation.js";
import {
  basicConstraints,
  type CrlSpec,
  deltaIndicator,
  type Issued,
  issuingDistributionPoint,
  keyUsage,
  TestCa,
  unknownExtension,
} from "./testing.js";

const now = Date.parse("2026-06-01T12:00:00Z") / 1000;
const SERIAL = 0x5150n;
const root = TestCa.create("Root");
const middle = root.intermediate("Middle", { serial: 0x77n });
const leaf = middle.issue("h.example.com", { serial: SERIAL });
const expired: Partial<CrlSpec> = { nextUpdate: new Date("2026-05-01T00:00:00Z") };

interface Given {
  readonly leaf?: Issued;
  readonly roots?: Issued[];
  readonly below?: Issued[];
  readonly terms?: CrlTerms;
}

function check(lists: Buffer[], given: Given = {}) {
  const parse = ({ certificate }: Issued) => parseCertificate(certificate);
  const { roots = [root], below = [middle], terms } = given;
  const trust = { anchors: roots.map(parse), intermediates: below.map(parse), policy: {} };
  const indexed = lists.map((list) => parseCrl(list)).map((crl) => ({ crl, serials: indexEntries(crl) }));
  const revocation = revocationByLists(indexed, trust, now, terms);
  return checkCertificate(parse(given.leaf ?? leaf), { ...trust, revocation }, now);
}

const verdict = (lists: Buffer[], given?: Given) => verdictOf(() => check(lists, given));

describe("revocationByLists", () => {
  it("wants a list for every certificate but the topmost", () => {
    expect(verdict([root.crl(), middle.crl()])).toBe("trusted");
    expect(verdict([middle.crl(), root.crl()])).toBe("trusted");
    expect(verdict([root.crl()])).toBe("CRL_NOT_READY");
    expect(verdict([middle.crl()])).toBe("CRL_NOT_READY");
    expect(verdict([])).toBe("CRL_NOT_READY");
  });

  it("refuses a machine or an intermediate that is listed, and no other", () => {
    expect(verdict([root.crl(), middle.crl({ revoked: [SERIAL] })])).toBe("REVOKED");
    expect(verdict([root.crl({ revoked: [0x77n] }), middle.crl()])).toBe("REVOKED");
    expect(verdict([root.crl({ revoked: [SERIAL] }), middle.crl({ revoked: [0x77n, SERIAL + 1n] })])).toBe("trusted");
  });

  it("wants the list to be in force, and takes one that is beside one that is not", () => {
    expect(verdict([root.crl(), middle.crl(expired)])).toBe("CRL_NOT_READY");
    expect(verdict([root.crl(), middle.crl(expired), middle.crl()])).toBe("trusted");
    expect(verdict([root.crl(), middle.crl()], { terms: { maxAgeSeconds: 60 } })).toBe("CRL_NOT_READY");
  });

  it("lets any list of the issuer revoke, whatever else is wrong with it", () => {
    for (const spec of [
      expired,
      { extensions: [deltaIndicator(1)] },
      { extensions: [issuingDistributionPoint("users")] },
    ]) {
      expect(verdict([root.crl(), middle.crl(), middle.crl({ ...spec, revoked: [SERIAL] })])).toBe("REVOKED");
      expect(verdict([root.crl(), middle.crl(), middle.crl(spec)])).toBe("trusted");
      expect(verdict([root.crl(), middle.crl(spec)])).toBe("CRL_NOT_READY");
    }
  });

  it("does not listen to lists that somebody else signed or that name somebody else", () => {
    const impostor = TestCa.create("Middle");
    expect(verdict([root.crl(), middle.crl(), impostor.crl({ revoked: [SERIAL] })])).toBe("trusted");
    expect(verdict([root.crl(), impostor.crl()])).toBe("CRL_NOT_READY");
    expect(verdict([root.crl(), middle.crl({ issuer: "Other" })])).toBe("CRL_NOT_READY");
  });

  it("does not listen to a list in the issuer's name that another CA of the same path or pool signed", () => {
    const other = root.intermediate("Other");
    const below = [middle, other];
    for (const signer of [root, other]) {
      expect(verdict([root.crl(), signer.crl({ issuer: "Middle" })], { below })).toBe("CRL_NOT_READY");
      const revoking = signer.crl({ issuer: "Middle", revoked: [SERIAL] });
      expect(verdict([root.crl(), middle.crl(), revoking], { below })).toBe("trusted");
    }
  });

  it("says what is wrong with the issuer's own list, not that another is somebody else's", () => {
    const lists = [middle.crl(expired), TestCa.create("Middle").crl()];
    for (const order of [lists, lists.toReversed()])
      expect(() => check([root.crl(), ...order])).toThrow(/covers a certificate: the list's nextUpdate is over/);
    expect(() => check([root.crl()])).toThrow(/there is no revocation list of its issuer/);
  });

  it("takes a list that another key of the issuer signed, if it is certified and not revoked", () => {
    const signer = root.intermediate("Middle", { serial: 0x99n, extensions: [keyUsage("cRLSign")] });
    const lists = [root.crl(), signer.crl()];
    expect(verdict(lists)).toBe("CRL_NOT_READY");
    expect(verdict(lists, { below: [middle, signer] })).toBe("trusted");
    expect(verdict([root.crl(), signer.crl({ revoked: [SERIAL] })], { below: [middle, signer] })).toBe("REVOKED");
    expect(verdict([root.crl({ revoked: [0x99n] }), signer.crl()], { below: [middle, signer] })).toBe("CRL_NOT_READY");
    // It is asked about for each of its lists.
    expect(verdict([root.crl(), signer.crl(expired), signer.crl()], { below: [middle, signer] })).toBe("trusted");
  });

  it("looks at a hundred possible signers and no more: a pool of them is no way to keep a server busy", () => {
    const signer = root.intermediate("Middle", { extensions: [keyUsage("cRLSign")] });
    const old = { extensions: [keyUsage("cRLSign")], notAfter: new Date("2026-05-01T00:00:00Z") };
    const others = Array.from({ length: 100 }, () => root.intermediate("Middle", old));
    const withOthers = (count: number) =>
      verdict([root.crl(), signer.crl()], { below: [middle, ...others.slice(0, count), signer] });
    expect(withOthers(99)).toBe("trusted");
    expect(withOthers(100)).toBe("CRL_NOT_READY");
  });

  it.each<[string, () => TestCa]>([
    ["has expired", () => root.intermediate("Middle", { notAfter: new Date("2026-05-01T00:00:00Z") })],
    [
      "may not sign lists",
      () => root.intermediate("Middle", { extensions: [basicConstraints(true), keyUsage("keyCertSign")] }),
    ],
    [
      "has an extension that nobody knows",
      () => root.intermediate("Middle", { extensions: [keyUsage("cRLSign"), unknownExtension(true)] }),
    ],
    ["stands under another root", () => TestCa.create("Other").intermediate("Middle")],
    ["stands under nobody", () => TestCa.create("Middle")],
  ])("does not take a list whose signer %s", (_, make) => {
    const signer = make();
    expect(verdict([root.crl(), signer.crl()], { below: [middle, signer] })).toBe("CRL_NOT_READY");
  });

  it("does not let a signer vouch for itself", () => {
    const signer = middle.intermediate("Middle", { extensions: [keyUsage("cRLSign")] });
    expect(verdict([root.crl(), signer.crl()], { below: [middle, signer] })).toBe("CRL_NOT_READY");
    expect(verdict([root.crl(), middle.crl(), signer.crl()], { below: [middle, signer] })).toBe("trusted");
  });

  it("takes the list of a CA's next key for what the old one issued, and back", () => {
    const next = TestCa.create("Root");
    const machine = root.issue("h.example.com", { serial: SERIAL });
    const both = { leaf: machine, roots: [root, next], below: [] };
    expect(verdict([next.crl()], both)).toBe("trusted");
    expect(verdict([next.crl({ revoked: [SERIAL] })], both)).toBe("REVOKED");
    expect(verdict([next.crl()], { leaf: machine, below: [] })).toBe("CRL_NOT_READY");
  });
});
