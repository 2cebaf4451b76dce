import { X509Certificate } from "node:crypto";
import { basicConstraints, TestCa } from "@tokens/pki/testing";
import { toPem } from "@tokens/pki/x509";
import { beforeAll, describe, expect, it } from "vitest";
import { readPinnedCa, requireChain } from "./pinned-ca.js";

const nowMs = Date.parse("2026-06-01T12:00:00Z");
const pem = (...ders: Uint8Array[]) => ders.map((der) => toPem("CERTIFICATE", der)).join("");
const read = (...ders: Uint8Array[]) => ders.map((der) => new X509Certificate(der));

let root: TestCa;
beforeAll(() => void (root = TestCa.create("Root")));

describe("readPinnedCa", () => {
  it("reads one certificate and more", () => {
    const other = TestCa.create("Other");
    const pinned = readPinnedCa(`# our CAs\n${pem(root.certificate, other.certificate)}`);
    expect(pinned.map(({ subject }) => subject)).toEqual(["CN=Root", "CN=Other"]);
  });

  it.each<[string, () => string, string]>([
    ["nothing", () => "", "not a certificate in PEM"],
    ["a key", () => "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a certificate in PEM"],
    ["rubbish in PEM", () => pem(Buffer.from("rubbish")), "cannot be read"],
    ["a CA and something behind it", () => pem(Buffer.concat([root.certificate, Buffer.of(0)])), "cannot be read"],
    ["a certificate that is no CA's", () => pem(root.issue("leaf").certificate), "not one of a CA: CN=leaf"],
  ])("refuses %s", (_name, text, words) => {
    expect(() => readPinnedCa(text())).toThrow(words);
    expect(() => readPinnedCa(text())).toThrow(TypeError);
  });
});

describe("requireChain", () => {
  const check = (chain: Uint8Array[], ...pinned: TestCa[]) => {
    requireChain(read(...chain), readPinnedCa(pem(...pinned.map(({ certificate }) => certificate))), nowMs);
  };

  it("takes what a pinned CA issued, straight or through others", () => {
    const middle = root.intermediate("Middle");
    const low = middle.intermediate("Low");
    expect(() => check([root.issue("leaf").certificate], root)).not.toThrow();
    expect(() => check([low.issue("leaf").certificate, low.certificate, middle.certificate], root)).not.toThrow();
    expect(() => check([low.issue("leaf").certificate, low.certificate, middle.certificate], middle)).not.toThrow();
    expect(() => check([low.issue("leaf").certificate], low)).not.toThrow();
  });

  it("refuses a chain with a link missing, in the wrong order, or that ends elsewhere", () => {
    const middle = root.intermediate("Middle");
    const leaf = middle.issue("leaf").certificate;
    expect(() => check([leaf], root)).toThrow("not certified");
    expect(() => check([leaf, TestCa.create("Middle").certificate], root)).toThrow("not certified");
    expect(() => check([middle.certificate, leaf], TestCa.create("Other"))).toThrow("not certified");
    expect(() => check([leaf, middle.certificate], TestCa.create("Root"))).toThrow("not certified");
    expect(() => check([], root)).toThrow("not certified");
  });

  it("refuses a chain through a certificate that is no CA's", () => {
    const fake = root.issue("Fake");
    const leaf = TestCa.create("Fake", { privateKey: fake.privateKey }).issue("leaf").certificate;
    expect(() => check([leaf, fake.certificate], root)).toThrow(/no CA's|not certified/);
  });

  it("refuses it also where OpenSSL lets the certificate issue others: without any key usage", () => {
    for (const extensions of [[], [basicConstraints(false)]]) {
      const fake = root.issue("Fake", { extensions });
      const leaf = TestCa.create("Fake", { privateKey: fake.privateKey }).issue("leaf").certificate;
      expect(() => check([leaf, fake.certificate], root)).toThrow("no CA's");
    }
  });

  it("counts the seconds at both ends of a certificate's time", () => {
    const atNow = new Date(nowMs);
    const other = TestCa.create("Other", { notBefore: atNow, notAfter: atNow });
    expect(() => check([other.issue("leaf", { notBefore: atNow, notAfter: atNow }).certificate], other)).not.toThrow();
    for (const seconds of [-1, 1]) {
      const shifted = new Date(nowMs + seconds * 1000);
      const leaf = other.issue("leaf", { notBefore: shifted, notAfter: shifted }).certificate;
      expect(() => check([leaf], other)).toThrow("CN=leaf is in force");
    }
  });

  it("refuses certificates that are not in force", () => {
    const [past, future] = [new Date("2026-01-01"), new Date("2027-01-01")];
    expect(() => check([root.issue("leaf", { notAfter: past }).certificate], root)).toThrow("CN=leaf is in force");
    expect(() => check([root.issue("leaf", { notBefore: future }).certificate], root)).toThrow("CN=leaf is in force");
    const expired = TestCa.create("Expired", { notAfter: past });
    expect(() => check([expired.issue("leaf").certificate], expired)).toThrow("CN=Expired is in force");
    const middle = root.intermediate("Middle", { notAfter: past });
    expect(() => check([middle.issue("leaf").certificate, middle.certificate], root)).toThrow("CN=Middle is in force");
  });

  it("refuses a chain that is too long", () => {
    const chain = [root];
    for (let i = 0; i < 5; i++) chain.unshift((chain[0] ?? root).intermediate(`CA ${i}`));
    const leaf = (chain[0] ?? root).issue("leaf").certificate;
    expect(() => check([leaf, ...chain.slice(0, -1).map(({ certificate }) => certificate)], root)).toThrow(
      "not certified",
    );
  });
});
