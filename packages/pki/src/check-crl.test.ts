import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { parseCertificate } from "./certificate.js";
import { checkCrl, crlInForceUntil, type CrlTerms } from "./check-crl.js";
import { parseCrl } from "./crl-document.js";
import { CrlError } from "./errors.js";
import {
  basicConstraints,
  type CrlSpec,
  deltaIndicator,
  issuingDistributionPoint,
  keyUsage,
  name,
  TestCa,
  unknownExtension,
} from "./testing.js";

const at = (text: string) => Date.parse(text) / 1000;
const now = at("2026-06-01T12:00:00Z");
const week = 168 * 3600;
const fresh = { thisUpdate: new Date("2026-06-01T00:00:00Z"), nextUpdate: new Date("2026-06-02T00:00:00Z") };
const ca = TestCa.create("Fleet CA");
const parse = (certificate: Uint8Array) => parseCertificate(certificate);

function verdict(list: Buffer, cas: TestCa[] = [ca], nowSeconds = now, terms: CrlTerms = {}): string {
  try {
    checkCrl(
      parseCrl(list),
      cas.map(({ certificate }) => parse(certificate)),
      nowSeconds,
      terms,
    );
    return "in force";
  } catch (error) {
    if (!(error instanceof CrlError)) throw error;
    return error.policy === undefined ? error.code : `${error.code} ${error.policy}`;
  }
}
const listed = (spec: Partial<CrlSpec>, ...more: [TestCa[]?, number?, CrlTerms?]) =>
  verdict(ca.crl({ ...fresh, ...spec }), ...more);

describe("checkCrl", () => {
  it("takes a list of the CA that is in force", () => {
    expect(listed({})).toBe("in force");
    expect(listed({ number: undefined })).toBe("in force");
    expect(listed({ extensions: [unknownExtension(false)] })).toBe("in force");
  });

  it("takes a list of either of a CA's two keys", () => {
    const next = TestCa.create("Fleet CA");
    const list = next.crl(fresh);
    expect(verdict(list, [ca, next])).toBe("in force");
    expect(verdict(list, [ca])).toBe("BAD_SIGNATURE");
  });

  it("tells a list in another's name from one that is not signed, whichever of two CAs signed it", () => {
    const other = TestCa.create("Other CA");
    expect(listed({ issuer: "Third CA" }, [other, ca])).toBe("PROFILE issuer_name");
    expect(listed({ issuer: "Third CA" }, [other])).toBe("BAD_SIGNATURE");
  });

  it("compares the issuer's name as RFC 5280 does", () => {
    expect(listed({ issuer: "FLEET  ca" })).toBe("in force");
    expect(listed({ issuer: "Other CA" })).toBe("PROFILE issuer_name");
    expect(listed({ issuer: name("O=Other", "CN=Fleet CA") })).toBe("PROFILE issuer_name");
  });

  it.each<[string, string, () => TestCa]>([
    ["a CA without a name", "PROFILE issuer_name", () => TestCa.create(name())],
    [
      "a CA that may not sign lists",
      "PROFILE key_usage",
      () => TestCa.create("a", { extensions: [basicConstraints(true), keyUsage("keyCertSign")] }),
    ],
    [
      "a CA with a key of 1024 bits",
      "PROFILE ca_key",
      () => TestCa.create("a", { privateKey: generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey }),
    ],
    [
      "a CA with exponent 3",
      "PROFILE ca_key",
      () =>
        TestCa.create("a", {
          privateKey: generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 }).privateKey,
        }),
    ],
  ])("refuses a list of %s", (_, expected, make) => {
    const issuer = make();
    expect(verdict(issuer.crl(fresh), [issuer])).toBe(expected);
  });

  it("takes a list of a CA without key usage, and of one whose other certificate allows it", () => {
    const open = TestCa.create("a", { extensions: [basicConstraints(true)] });
    expect(verdict(open.crl(fresh), [open])).toBe("in force");
    const { privateKey } = open;
    const closed = TestCa.create("a", { privateKey, extensions: [basicConstraints(true), keyUsage("keyCertSign")] });
    expect(verdict(open.crl(fresh), [closed, open])).toBe("in force");
  });

  it.each<[string, string, Partial<CrlSpec>]>([
    ["signed with SHA-1", "PROFILE signature_algorithm", { hash: "sha1" }],
    ["of changes only", "PROFILE delta", { extensions: [deltaIndicator(1)] }],
    ["of a part", "PROFILE partitioned", { extensions: [issuingDistributionPoint("url")] }],
    ["of others", "PROFILE indirect", { extensions: [issuingDistributionPoint("indirect")] }],
    ["with an unknown critical extension", "PROFILE critical_extension", { extensions: [unknownExtension(true)] }],
  ])("refuses a list %s, by name", (_, expected, spec) => {
    expect(listed(spec)).toBe(expected);
  });

  it("refuses a list signed with an algorithm that nobody knows", () => {
    const oid = "2a8648ce3d0403";
    const other = ca.crl(fresh).toString("hex").replaceAll(`${oid}02`, `${oid}7f`);
    expect(verdict(Buffer.from(other, "hex"))).toBe("BAD_SIGNATURE");
  });

  it("refuses what another key signed, and any change", () => {
    expect(verdict(TestCa.create("Fleet CA").crl(fresh))).toBe("BAD_SIGNATURE");
    const list = ca.crl({ ...fresh, revoked: [1] });
    const changed = Buffer.from(list);
    changed[list.indexOf("Fleet CA")] = "G".charCodeAt(0);
    expect(verdict(changed)).toBe("BAD_SIGNATURE");
  });
});

describe("the time in force", () => {
  const due = at("2026-06-02T00:00:00Z");

  it("ends with the second of nextUpdate", () => {
    expect(listed({}, [ca], due)).toBe("in force");
    expect(listed({}, [ca], due + 0.001)).toBe("EXPIRED");
  });

  it("ends after the grace, where there is one", () => {
    expect(listed({}, [ca], due + 3600, { graceSeconds: 3600 })).toBe("in force");
    expect(listed({}, [ca], due + 3600.001, { graceSeconds: 3600 })).toBe("EXPIRED");
  });

  it("ends a week after thisUpdate where there is no nextUpdate", () => {
    const spec = { nextUpdate: undefined };
    const made = at("2026-06-01T00:00:00Z");
    expect(listed(spec, [ca], made + week)).toBe("in force");
    expect(listed(spec, [ca], made + week + 0.001)).toBe("EXPIRED max_age");
    expect(listed(spec, [ca], made + week + 1, { graceSeconds: 7200 })).toBe("EXPIRED max_age");
  });

  it("ends at the greatest age, if that is earlier", () => {
    const made = at("2026-06-01T00:00:00Z");
    const terms = { maxAgeSeconds: 3600, graceSeconds: 10 * week };
    expect(listed({}, [ca], made + 3600, terms)).toBe("in force");
    expect(listed({}, [ca], made + 3600.001, terms)).toBe("EXPIRED max_age");
    expect(listed({}, [ca], due, { maxAgeSeconds: 1000 * week })).toBe("in force");
  });

  it("begins five minutes before thisUpdate: clocks differ", () => {
    const made = at("2026-06-01T00:00:00Z");
    expect(listed({}, [ca], made - 300)).toBe("in force");
    expect(listed({}, [ca], made - 300.001)).toBe("NOT_YET_VALID future_date");
  });

  it("is never now when the clock makes no sense", () => {
    expect(listed({}, [ca], Number.NaN)).not.toBe("in force");
  });

  it.each<[string, CrlTerms, string]>([
    ["2026-06-02T00:00:00Z", {}, "2026-06-02T00:00:00Z"],
    ["2026-06-02T00:00:00Z", { graceSeconds: 60 }, "2026-06-02T00:01:00Z"],
    ["2026-06-02T00:00:00Z", { graceSeconds: 60, maxAgeSeconds: 60 }, "2026-06-01T00:01:00Z"],
  ])("with nextUpdate %s and %j is over at %s", (nextUpdate, terms, end) => {
    const crl = parseCrl(ca.crl({ thisUpdate: fresh.thisUpdate, nextUpdate: new Date(nextUpdate) }));
    expect(crlInForceUntil(crl, terms)).toBe(at(end));
  });
});
