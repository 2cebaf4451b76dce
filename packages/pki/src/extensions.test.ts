import { describe, expect, it } from "vitest";
import { DerReader } from "./der.js";
import { MalformedInput } from "./errors.js";
import { readExtensions } from "./extensions.js";
import {
  authorityKeyIdentifier,
  basicConstraints,
  bits,
  boolean,
  certificatePolicies,
  context,
  der,
  distributionPoints,
  extendedKeyUsage,
  extension,
  flipCritical,
  generalName,
  ia5,
  implicit,
  inhibitAnyPolicy,
  integer,
  keyUsage,
  nameConstraints,
  octets,
  oid,
  policyConstraints,
  policyMappings,
  sequence,
  subjectAltName,
  subjectKeyIdentifier,
  unknownExtension,
} from "./testing.js";

const read = (...extensions: Buffer[]) => readExtensions(new DerReader(Buffer.concat(extensions)));
const ID = {
  keyUsage: "2.5.29.15",
  basic: "2.5.29.19",
  policies: "2.5.29.32",
  points: "2.5.29.31",
  aia: "1.3.6.1.5.5.7.1.1",
};
const policyWith = (...qualifiers: Buffer[]) => sequence(sequence(oid("1.2.3.4"), sequence(...qualifiers)));
const pointWith = (...names: Buffer[]) => extension(ID.points, sequence(sequence(context(0, ...names))));
const access = (...descriptions: Buffer[]) => extension(ID.aia, sequence(...descriptions));

describe("readExtensions", () => {
  it("reads all that it knows", () => {
    const read_ = read(
      basicConstraints(true, 3),
      keyUsage("keyCertSign", "cRLSign", "decipherOnly"),
      extendedKeyUsage("clientAuth", "any"),
      subjectAltName("dns:a.example.com", "ip:7f000001", "directory:CN=a", "other:x", "rid:1.2.3"),
      nameConstraints(["dns:example.com"]),
      certificatePolicies("1.2.3", "2.5.29.32.0"),
      policyMappings(["1.2.3", "1.2.4"]),
      policyConstraints(1, 2),
      inhibitAnyPolicy(0),
      authorityKeyIdentifier(Buffer.of(1)),
      subjectKeyIdentifier(Buffer.of(2)),
      access(sequence(oid("1.3.6.1.5.5.7.48.1"), generalName("uri:http://ocsp/"))),
    );
    expect(read_).toMatchObject({
      isCa: true,
      pathLength: 3,
      keyUsage: new Set(["keyCertSign", "cRLSign"]),
      extendedKeyUsage: ["1.3.6.1.5.5.7.3.2", "2.5.29.37.0"],
      policies: ["1.2.3", "2.5.29.32.0"],
      policyMappings: [["1.2.3", "1.2.4"]],
      requireExplicitPolicy: 1,
      inhibitPolicyMapping: 2,
      inhibitAnyPolicy: 0,
      unknownCritical: [],
    });
    expect(read_.alternativeNames?.map(({ form }) => form)).toEqual([
      "dns",
      "ip",
      "directory",
      "otherName",
      "registeredId",
    ]);
    expect(read_.present.size).toBe(12);
    expect(read_.critical).toContain(ID.basic);
  });

  it("takes what is absent for nothing said", () => {
    expect(readExtensions(undefined)).toMatchObject({ isCa: false, keyUsage: undefined, alternativeNames: undefined });
    expect(read(basicConstraints(false))).toMatchObject({ isCa: false, pathLength: undefined });
    expect(read(extension(ID.basic, sequence(boolean(false))))).toMatchObject({ isCa: false });
  });

  it("knows an unknown extension from an unknown critical one", () => {
    expect(read(unknownExtension(false)).unknownCritical).toEqual([]);
    expect(read(unknownExtension(true)).unknownCritical).toEqual(["1.2.3.4.5"]);
  });

  it("knows whose revocation lists a certificate is in", () => {
    const foreign = { url: "http://a/", crlIssuer: "CN=B" };
    expect(read(distributionPoints(foreign, foreign)).hasForeignLists).toBe(true);
    expect(read(distributionPoints(foreign, { url: "http://b/" })).hasForeignLists).toBe(false);
  });

  it("takes a distribution point by a name that is relative to the issuer's", () => {
    const relative = context(1, sequence(oid("2.5.4.3"), ia5("a")));
    expect(read(pointWith(relative)).hasForeignLists).toBe(false);
  });

  it.each<[string, () => Buffer]>([
    ["an extension twice", () => Buffer.concat([unknownExtension(false), unknownExtension(false)])],
    ["an extension that is a set", () => der(0x31, oid("1.2.3"), octets())],
    ["an extension without a value", () => sequence(oid("1.2.3"))],
    ["a boolean that is neither", () => sequence(oid("1.2.3"), der(0x01, Buffer.of(1)), octets())],
    ["criticality that is written out though there is none", () => sequence(oid("1.2.3"), boolean(false), octets())],
    ["basic constraints that are no sequence", () => extension(ID.basic, boolean(true))],
    ["a negative path length", () => extension(ID.basic, sequence(boolean(true), integer(-1)))],
    ["key usage with bits left over", () => extension(ID.keyUsage, der(0x03, Buffer.of(1, 0x81)))],
    ["key usage of eight unused bits", () => extension(ID.keyUsage, der(0x03, Buffer.of(8, 0)))],
    ["key usage that is no bit string", () => extension(ID.keyUsage, octets())],
    ["extended key usage that is no object identifier", () => extension("2.5.29.37", sequence(ia5("a")))],
    ["an IP address of five bytes", () => subjectAltName("ip:0000000000")],
    ["a DNS name outside ASCII", () => subjectAltName("dns:\u00e9")],
    ["a directory name that is none", () => extension("2.5.29.17", sequence(context(4, ia5("a"))))],
    ["two directory names in one", () => extension("2.5.29.17", sequence(context(4, sequence(), sequence())))],
    ["an alternative name that is text", () => extension("2.5.29.17", ia5("host"))],
    [
      "an alternative name of a form that there is not",
      () => extension("2.5.29.17", sequence(implicit(9, Buffer.of()))),
    ],
    ["a policy twice", () => certificatePolicies("1.2.3", "1.2.3")],
    ["no policy at all", () => certificatePolicies()],
    ["a policy that is no object identifier", () => extension(ID.policies, sequence(sequence(ia5("a"))))],
    ["a qualifier that says nothing", () => extension(ID.policies, policyWith(sequence(oid("1.3.6.1.5.5.7.2.1"))))],
    ["a qualifier and more", () => extension(ID.policies, policyWith(sequence(oid("1.2.3"), ia5("a"), ia5("b"))))],
    ["an empty list of qualifiers", () => extension(ID.policies, policyWith())],
    ["no mapping at all", () => policyMappings()],
    ["a mapping of one policy", () => extension("2.5.29.33", sequence(sequence(oid("1.2.3"))))],
    ["policy constraints that constrain nothing", () => policyConstraints()],
    ["a negative policy constraint", () => policyConstraints(-1)],
    ["a negative count of any policy", () => inhibitAnyPolicy(-1)],
    ["no distribution point", () => distributionPoints()],
    ["a distribution point that is text", () => extension(ID.points, sequence(ia5("http://a/")))],
    ["a distribution point without a name in its name", () => pointWith()],
    ["a distribution point with an empty list of names", () => pointWith(context(0))],
    ["a distribution point with names of both kinds", () => pointWith(context(0, ia5("a")), context(1, ia5("a")))],
    ["a distribution point whose name is cut short", () => pointWith(context(0, Buffer.of(0x86, 2, 0x61)))],
    ["a critical authority key identifier", () => flipCritical(authorityKeyIdentifier(Buffer.of(1)))],
    ["a critical subject key identifier", () => flipCritical(subjectKeyIdentifier(Buffer.of(1)))],
    ["a subject key identifier that is none", () => extension("2.5.29.14", bits(Buffer.of(1)))],
    ["an authority key identifier that is none", () => extension("2.5.29.35", octets())],
    ["critical information access", () => flipCritical(access(sequence(oid("1.2.3"), generalName("uri:a"))))],
    ["information access without a place", () => access(sequence(oid("1.2.3")))],
    ["information access that is text", () => extension(ID.aia, ia5("http://a/"))],
    ["something after the value", () => extension("2.5.29.14", Buffer.concat([octets(), octets()]))],
  ])("refuses %s", (_, make) => {
    expect(() => read(make())).toThrow(MalformedInput);
  });
});
