import { create } from "@bufbuild/protobuf";
import { CertificatePolicy_State, CertificatePolicySchema } from "@tokens/api/config";
import { CERTIFICATE_CHECKS } from "@tokens/pki";
import { describe, expect, it } from "vitest";
import { PolicyError } from "../policies/policy-problem.js";
import { certificatePolicyOf, readCertificatePolicy } from "./certificate-policy.js";

describe("certificatePolicyOf", () => {
  it("has a field for every check, and a check for every field", () => {
    const names = CertificatePolicySchema.fields.map(({ name }) => name);
    expect(names.toSorted()).toEqual([...CERTIFICATE_CHECKS].toSorted());
  });

  it("enforces what is not said, and what it does not know", () => {
    const enforced = Object.fromEntries(CERTIFICATE_CHECKS.map((name) => [name, "enforce"]));
    expect(certificatePolicyOf(create(CertificatePolicySchema))).toEqual(enforced);
    expect(certificatePolicyOf(undefined)).toEqual({});
    const later: number = 99;
    expect(certificatePolicyOf(create(CertificatePolicySchema, { keyUsage: later })).key_usage).toBe("enforce");
  });

  it("knows three states", () => {
    const { OFF, REPORT, ENFORCE } = CertificatePolicy_State;
    const message = create(CertificatePolicySchema, { issuerName: OFF, leafIsCa: REPORT, keyUsage: ENFORCE });
    expect(certificatePolicyOf(message)).toMatchObject({
      issuer_name: "off",
      leaf_is_ca: "report",
      key_usage: "enforce",
    });
  });
});

describe("readCertificatePolicy", () => {
  it("reads text format", () => {
    expect(readCertificatePolicy("# note\nencoding: OFF leaf_key: REPORT", "p.cfg")).toMatchObject({
      encoding: "off",
      leaf_key: "report",
      ca_key: "enforce",
    });
  });

  it.each([
    ["an unknown check", "\n  colour: OFF", /^p\.cfg:2:3: .*colour/],
    ["an unknown state", "leaf_key: MAYBE", /^p\.cfg:1:1: leaf_key/],
    ["a check twice", "leaf_key: OFF leaf_key: OFF", /^p\.cfg:1:15: .*twice/],
  ])("refuses %s, and says where", (_, text, message) => {
    const read = () => readCertificatePolicy(text, "p.cfg");
    expect(read).toThrow(PolicyError);
    expect(read).toThrow(message);
  });
});
