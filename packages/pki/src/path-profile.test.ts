import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, expect, it } from "vitest";
import { verdictOf } from "../test/verdict.js";
import { parseCertificate } from "./certificate.js";
import type { CertificatePolicy } from "./certificate-trust.js";
import { checkCertificate } from "./check-certificate.js";
import { CERTIFICATE_CHECKS, type CertificateCheckName } from "./errors.js";
import {
  basicConstraints,
  boolean,
  certificatePolicies,
  der,
  distributionPoints,
  extendedKeyUsage,
  extension,
  flipCritical,
  inhibitAnyPolicy,
  type Issued,
  keyUsage,
  name,
  nameConstraints,
  octets,
  oid,
  policyConstraints,
  sequence,
  set,
  subjectAltName,
  TestCa,
  unknownExtension,
} from "./testing.js";

const now = Date.parse("2026-06-01T12:00:00Z") / 1000;
const past = new Date("2026-05-01T00:00:00Z");
const HOST = "h.example.com";
const usual = [basicConstraints(false), keyUsage("digitalSignature")];
const ofCa = [basicConstraints(true), keyUsage("keyCertSign", "cRLSign")];

/** A machine's certificate, and the CAs above it: the trusted one last. */
type Chain = readonly [leaf: Issued, ...cas: Issued[]];

const root = TestCa.create("Root");
const rsa = (modulusLength: number, publicExponent = 65_537): KeyObject =>
  generateKeyPairSync("rsa", { modulusLength, publicExponent }).privateKey;
const leafWith = (...extensions: Buffer[]): Chain => [
  root.issue(HOST, { extensions: [...usual, ...extensions] }),
  root,
];
const underCaWith = (...extensions: Buffer[]): Chain => {
  const ca = TestCa.create("CA", { extensions });
  return [ca.issue(HOST), ca];
};
const underMiddleWith = (...extensions: Buffer[]): Chain => {
  const middle = root.intermediate("Middle", { extensions });
  return [middle.issue(HOST), middle, root];
};
function deep(above: number, ...extensions: Buffer[]): Chain {
  const top = TestCa.create("Top", { extensions: [...extensions, keyUsage("keyCertSign")] });
  const cas = [top];
  for (let level = 0; level < above; level++) cas.unshift((cas[0] ?? top).intermediate(`Level ${level}`));
  return [(cas[0] ?? top).issue(HOST), ...cas];
}

/** Chains that fail one check and no other. */
const failing: [check: CertificateCheckName, what: string, chain: () => Chain][] = [
  ["encoding", "something after the extensions", () => [root.issue(HOST, { rest: [sequence()] }), root]],
  ["encoding", "an empty list of alternative names", () => leafWith(subjectAltName())],
  [
    "encoding",
    "a time with a zone",
    () => [root.issue(HOST, { notBefore: der(0x17, Buffer.from("200101000000+0100")) }), root],
  ],
  ["encoding", "an empty relative name", () => [root.issue(sequence(set())), root]],
  ["encoding", "key usage without any use", () => [root.issue(HOST, { extensions: [keyUsage()] }), root]],
  ["encoding", "a default that is written out", () => leafWith(sequence(oid("1.2.3"), boolean(false), octets()))],
  ["encoding", "a CA's key usage without any use", () => underCaWith(basicConstraints(true), keyUsage())],
  ["version", "version 1", () => [root.issue(HOST, { version: 1, extensions: [] }), root]],
  ["version", "version 2", () => [root.issue(HOST, { version: 2, extensions: [] }), root]],
  ["issuer_name", "another organization", () => [root.issue(HOST, { issuer: name("O=Other", "CN=Root") }), root]],
  ["ca_key", "a CA key of 1024 bits", () => underKey(rsa(1024))],
  ["ca_key", "a CA key with exponent 3", () => underKey(rsa(2048, 3))],
  ["ca_key", "a CA key on P-521", () => underKey(generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey)],
  ["ca_validity", "a CA that has expired", () => underDates({ notAfter: past })],
  ["ca_validity", "a CA that is not valid yet", () => underDates({ notBefore: new Date("2026-06-02") })],
  [
    "ca_validity",
    "an intermediate that has expired",
    () => {
      const middle = root.intermediate("Middle", { notAfter: past });
      return [middle.issue(HOST), middle, root];
    },
  ],
  [
    "leaf_is_ca",
    "a CA for a machine",
    () => [
      root.issue(HOST, { extensions: [basicConstraints(true), keyUsage("digitalSignature", "keyCertSign")] }),
      root,
    ],
  ],
  [
    "leaf_is_ca",
    "a path length without being a CA",
    () => [root.issue(HOST, { extensions: [basicConstraints(false, 0)] }), root],
  ],
  ["path_length", "a CA more than the CA allows", () => deep(1, basicConstraints(true, 0))],
  ["path_length", "two more than the CA allows", () => deep(3, basicConstraints(true, 1))],
  [
    "name_constraints",
    "a common name that is not permitted",
    () => underCaWith(...ofCa, nameConstraints(["dns:elsewhere.example.net"])),
  ],
  ["name_constraints", "constraints in a machine's certificate", () => leafWith(nameConstraints(["dns:example.com"]))],
  [
    "name_constraints",
    "constraints of an intermediate",
    () => underMiddleWith(...ofCa, nameConstraints([], ["dns:example.com"])),
  ],
  [
    "name_constraints",
    "a mail address in the subject beside a permitted one",
    () => {
      const middle = root.intermediate("Middle", { extensions: [...ofCa, nameConstraints(["email:example.com"])] });
      const extensions = [...usual, subjectAltName("email:a@example.com")];
      return [middle.issue(name("emailAddress=a@example.net"), { extensions }), middle, root];
    },
  ],
  [
    "name_constraints",
    "an intermediate's name that is not permitted",
    () => {
      const top = TestCa.create("CA", { extensions: [...ofCa, nameConstraints([`directory:CN=${HOST}`])] });
      const middle = top.intermediate("Middle");
      return [middle.issue(HOST), middle, top];
    },
  ],
  [
    "name_constraints",
    "a machine that is called like its CA",
    () => {
      const ca = TestCa.create(HOST, { extensions: [...ofCa, nameConstraints([], [`directory:CN=${HOST}`])] });
      return [ca.issue(HOST), ca];
    },
  ],
  [
    "name_constraints",
    "the upper of two CAs that constrain",
    () => {
      const top = TestCa.create("CA", { extensions: [...ofCa, nameConstraints(["dns:example.net"])] });
      const middle = top.intermediate("Middle", { extensions: [...ofCa, nameConstraints(["dns:example.com"])] });
      return [middle.issue(HOST), middle, top];
    },
  ],
  ["certificate_policies", "no policy where one is demanded", () => underMiddleWith(...ofCa, policyConstraints(0))],
  ["critical_extension", "one in the certificate", () => leafWith(unknownExtension(true))],
  ["critical_extension", "one in the CA", () => underCaWith(...ofCa, unknownExtension(true))],
  ["critical_extension", "one in an intermediate", () => underMiddleWith(...ofCa, unknownExtension(true))],
  ["critical_extension", "a qualifier nobody knows", () => leafWith(flipCritical(qualifiedBy("1.2.3")))],
  [
    "extension_criticality",
    "basic constraints of the trusted CA",
    () => underCaWith(flipCritical(basicConstraints(true))),
  ],
  [
    "extension_criticality",
    "name constraints",
    () => underMiddleWith(...ofCa, flipCritical(nameConstraints(["dns:example.com"]))),
  ],
  ["extension_criticality", "policy constraints", () => underMiddleWith(...ofCa, flipCritical(policyConstraints(5)))],
  [
    "extension_criticality",
    "the only name there is",
    () => [root.issue(name(), { extensions: [...usual, subjectAltName(`dns:${HOST}`)] }), root],
  ],
  ["extension_criticality", "no name at all", () => [root.issue(name(), { extensions: usual }), root]],
  ["key_usage", "no digital signatures", () => [root.issue(HOST, { extensions: [keyUsage("keyEncipherment")] }), root]],
  [
    "key_usage",
    "signing certificates without being a CA",
    () => [root.issue(HOST, { extensions: [keyUsage("digitalSignature", "keyCertSign")] }), root],
  ],
  ["extended_key_usage", "another use", () => leafWith(extendedKeyUsage("codeSigning"))],
  ["extended_key_usage", "no use at all", () => leafWith(extendedKeyUsage())],
  [
    "extended_key_usage",
    "an intermediate for e-mail",
    () => underMiddleWith(...ofCa, extendedKeyUsage("emailProtection")),
  ],
  [
    "extended_key_usage",
    "an intermediate for servers, a machine that is a client",
    () => underMiddleWith(...ofCa, extendedKeyUsage("serverAuth")),
  ],
  ["extended_key_usage", "a trusted CA for e-mail", () => underCaWith(...ofCa, extendedKeyUsage("emailProtection"))],
  ["serial_length", "21 octets", () => [root.issue(HOST, { serial: 1n << 160n }), root]],
  ["leaf_key", "a key of 1024 bits", () => [root.issue(HOST, { privateKey: rsa(1024) }), root]],
  ["leaf_key", "a key with exponent 3", () => [root.issue(HOST, { privateKey: rsa(2048, 3) }), root]],
  [
    "leaf_key",
    "a key for agreeing on keys",
    () => [root.issue(HOST, { publicKey: generateKeyPairSync("x25519").publicKey }), root],
  ],
  [
    "crl_issuer",
    "another issuer's list only",
    () => leafWith(distributionPoints({ url: "http://a/", crlIssuer: "CN=B" })),
  ],
];

function underKey(privateKey: KeyObject): Chain {
  const ca = TestCa.create("CA", { privateKey });
  return [ca.issue(HOST), ca];
}
function underDates(dates: { notBefore?: Date; notAfter?: Date }): Chain {
  const ca = TestCa.create("CA", dates);
  return [ca.issue(HOST), ca];
}
function qualifiedBy(qualifier: string): Buffer {
  const information = sequence(oid("1.2.3.4"), sequence(sequence(oid(qualifier), sequence())));
  return extension("2.5.29.32", sequence(information));
}

/** The verdict with revocation checked and found good, and the checks that were only reported. */
function judge([leaf, ...cas]: Chain, policy: CertificatePolicy): { verdict: string; reported: string[] } {
  const [anchor, ...intermediates] = cas.map(({ certificate }) => parseCertificate(certificate)).toReversed();
  const trust = { anchors: anchor ? [anchor] : [], intermediates, policy, revocation: () => undefined };
  let reported: string[] = [];
  const verdict = verdictOf(() => {
    const { reports } = checkCertificate(parseCertificate(leaf.certificate), trust, now);
    reported = reports.map((report) => report.policy);
  });
  return { verdict, reported };
}

describe("each check of the profile", () => {
  it.each(failing)("%s: %s", (check, _, make) => {
    const chain = make();
    expect(judge(chain, {})).toEqual({ verdict: `PROFILE ${check}`, reported: [] });
    expect(judge(chain, { [check]: "enforce" }).verdict).toBe(`PROFILE ${check}`);
    expect(judge(chain, { [check]: "report" })).toEqual({ verdict: "trusted", reported: [check] });
    expect(judge(chain, { [check]: "off" })).toEqual({ verdict: "trusted", reported: [] });
  });

  it("has a chain above that fails it", () => {
    expect(new Set(failing.map(([check]) => check))).toEqual(new Set(CERTIFICATE_CHECKS));
  });

  it.each<[string, () => Chain]>([
    ["the usual extensions", () => leafWith(extendedKeyUsage("clientAuth"))],
    ["no extensions of use", () => [root.issue(HOST, { extensions: [unknownExtension(false)] }), root]],
    ["use as a server", () => leafWith(extendedKeyUsage("serverAuth"))],
    ["any use", () => leafWith(extendedKeyUsage("codeSigning", "any"))],
    ["a serial number of 20 octets", () => [root.issue(HOST, { serial: (1n << 160n) - 1n }), root]],
    ["RSA keys", () => [root.issue(HOST, { privateKey: rsa(2048) }), root]],
    ["a permitted name", () => underCaWith(...ofCa, nameConstraints(["dns:example.com"]))],
    ["as many CAs as its CA allows", () => deep(1, basicConstraints(true, 1))],
    [
      "a CA's own next key, which is no CA more",
      () => {
        const top = TestCa.create("Top", { extensions: [basicConstraints(true, 1), keyUsage("keyCertSign")] });
        const before = top.intermediate("Middle");
        const after = before.intermediate("Middle");
        return [after.issue(HOST), after, before, top];
      },
    ],
    [
      "a CA's own next key, which need not keep the CA's constraints",
      () => {
        const constraints = nameConstraints([`directory:CN=${HOST}`]);
        const before = root.intermediate("Middle", { extensions: [...ofCa, constraints] });
        const after = before.intermediate("Middle");
        return [after.issue(HOST), after, before, root];
      },
    ],
    ["a CA that its own constraints exclude", () => underCaWith(...ofCa, nameConstraints([`directory:CN=${HOST}`]))],
    ["what CAs alone must mark as critical", () => leafWith(flipCritical(inhibitAnyPolicy(0)))],
    [
      "basic constraints of an intermediate that are not critical",
      () => underMiddleWith(flipCritical(basicConstraints(true))),
    ],
    ["an intermediate for clients", () => underMiddleWith(...ofCa, extendedKeyUsage("serverAuth", "clientAuth"))],
    ["any use of an intermediate", () => underMiddleWith(...ofCa, extendedKeyUsage("any"))],
    [
      "a list of its own CA beside another's",
      () => leafWith(distributionPoints({ url: "http://a/", crlIssuer: "CN=B" }, { url: "http://b/" })),
    ],
    ["critical policies with known qualifiers", () => leafWith(flipCritical(qualifiedBy("1.3.6.1.5.5.7.2.1")))],
    ["policies with unknown qualifiers, but not critical", () => leafWith(qualifiedBy("1.2.3"))],
    [
      "no subject, and a critical alternative name",
      () => [root.issue(name(), { extensions: [...usual, flipCritical(subjectAltName(`dns:${HOST}`))] }), root],
    ],
    [
      "a policy where one is demanded",
      () => {
        const middle = root.intermediate("Middle", {
          extensions: [...ofCa, policyConstraints(0), certificatePolicies("1.2.3.4")],
        });
        return [middle.issue(HOST, { extensions: [certificatePolicies("1.2.3.4")] }), middle, root];
      },
    ],
  ])("passes a chain with %s", (_, make) => {
    expect(judge(make(), {})).toEqual({ verdict: "trusted", reported: [] });
  });

  it("does not ask for the lists' issuer where revocation is not looked at", () => {
    const { certificate } = leafWith(distributionPoints({ url: "http://a/", crlIssuer: "CN=B" }))[0];
    const trust = { anchors: [parseCertificate(root.certificate)], intermediates: [], policy: {} };
    expect(verdictOf(() => checkCertificate(parseCertificate(certificate), trust, now))).toBe("trusted");
  });

  it.each<[string, () => Chain]>([
    ["the certificate is of version 1, not 3", () => [root.issue(HOST, { version: 1, extensions: [] }), root]],
    ['CA "CA" has unknown critical extensions: 1.2.3.4.5', () => underCaWith(...ofCa, unknownExtension(true))],
    ['CA "CA" has an RSA key of 1024 bits', () => underKey(rsa(1024))],
    [
      "the certificate breaks name constraints: a name of form dns",
      () => underCaWith(...ofCa, nameConstraints(["dns:example.net"])),
    ],
    ["extended key usage lacks clientAuth, serverAuth and any", () => leafWith(extendedKeyUsage("codeSigning"))],
    [
      "the CAs do not allow the certificate's extended key usage",
      () => underCaWith(...ofCa, extendedKeyUsage("emailProtection")),
    ],
    [
      "the CAs do not allow the certificate's extended key usage",
      () => {
        const middle = root.intermediate("Middle", { extensions: [...ofCa, extendedKeyUsage("clientAuth")] });
        return [middle.issue(HOST, { extensions: [...usual, extendedKeyUsage("serverAuth")] }), middle, root];
      },
    ],
  ])("says what is wrong: %s", (words, make) => {
    const [leaf, ...cas] = make();
    const [anchor, ...intermediates] = cas.map(({ certificate }) => parseCertificate(certificate)).toReversed();
    const trust = { anchors: anchor ? [anchor] : [], intermediates, policy: {} };
    expect(() => checkCertificate(parseCertificate(leaf.certificate), trust, now)).toThrow(words);
  });

  it("says which certificate is meant, and never lets a name break a line", () => {
    const middle = root.intermediate("Bad\nname", { notAfter: past });
    const trust = {
      anchors: [parseCertificate(root.certificate)],
      intermediates: [parseCertificate(middle.certificate)],
    };
    const leaf = parseCertificate(middle.issue(HOST).certificate);
    expect(() => checkCertificate(leaf, { ...trust, policy: {} }, now)).toThrow('CA "Bad\\nname" is not valid now');
  });
});
