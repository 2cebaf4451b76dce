import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { describeWithVectors, readJsonVector, readVector } from "shared-vectors";
import { parseCertificate, parseCertificatePem } from "./certificate.js";
import { MalformedInput } from "./errors.js";
import { type CertificateAuthority, createCertificateAuthority, issueMachineCertificate, toPem } from "./x509.js";

let ca: CertificateAuthority;
let leaf: Uint8Array;
beforeAll(async () => {
  ca = await createCertificateAuthority({ commonName: "Test CA" });
  ({ certificate: leaf } = await issueMachineCertificate(ca, { commonName: "host-1.example.com" }));
});

describe("parseCertificate", () => {
  it("reads what node reads", () => {
    const ours = parseCertificate(leaf);
    const theirs = new X509Certificate(leaf);
    expect(ours.serial).toBe(BigInt(`0x${theirs.serialNumber}`));
    expect(Buffer.from(ours.serialMagnitude).toString("hex").toUpperCase()).toBe(theirs.serialNumber);
    expect(ours.notBeforeSeconds).toBe(Date.parse(theirs.validFrom) / 1000);
    expect(ours.notAfterSeconds).toBe(Date.parse(theirs.validTo) / 1000);
    expect(ours).toMatchObject({
      version: 3,
      issuer: { commonNames: ["Test CA"] },
      subject: { commonNames: ["host-1.example.com"] },
      publicKey: { kind: "rsa", modulusBits: 2048, exponent: 65537n },
      signatureAlgorithm: { name: "RSA with sha256" },
      isCa: false,
      keyUsage: new Set(["digitalSignature"]),
      extendedKeyUsage: ["1.3.6.1.5.5.7.3.2"],
      unknownCritical: [],
    });
    expect(parseCertificate(ca.certificate)).toMatchObject({
      isCa: true,
      keyUsage: new Set(["keyCertSign", "cRLSign"]),
    });
  });

  it("refuses a byte more, a byte less, and two certificates", () => {
    expect(() => parseCertificate(Buffer.concat([leaf, Buffer.of(0)]))).toThrow(MalformedInput);
    expect(() => parseCertificate(Buffer.concat([leaf, leaf]))).toThrow(MalformedInput);
    for (let length = 0; length < leaf.length; length++) {
      expect(() => parseCertificate(leaf.subarray(0, length))).toThrow(MalformedInput);
    }
  });

  it("refuses PEM, an empty input, and more than 16 KiB", () => {
    expect(() => parseCertificate(Buffer.from(toPem("CERTIFICATE", leaf)))).toThrow(MalformedInput);
    expect(() => parseCertificate(new Uint8Array(16 * 1024 + 1))).toThrow(/more than 16384 bytes/);
  });

  it("throws nothing but MalformedInput, whatever the bytes", () => {
    const parse = (bytes: Uint8Array) => {
      try {
        parseCertificate(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedInput);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), parse), { numRuns: 1000 });
    const place = fc.nat(leaf.length - 1);
    const change = fc.tuple(place, fc.nat(255)).map(([index, byte]) => {
      const bytes = Buffer.from(leaf);
      bytes[index] = byte;
      return bytes;
    });
    fc.assert(fc.property(change, parse), { numRuns: 3000 });
  });

  it("never repeats the bytes in a message", () => {
    const bytes = Buffer.from(leaf);
    bytes[bytes.indexOf("host-1")] = 0xff;
    expect(() => parseCertificate(bytes)).toThrow(/^subject: text that is not what its type allows$/);
  });
});

describe("parseCertificatePem", () => {
  it("reads one block, with text before it, with either line ending", () => {
    const pem = toPem("CERTIFICATE", leaf);
    for (const text of [pem, pem.trimEnd(), `subject=x\n${pem}`, pem.replaceAll("\n", "\r\n")]) {
      expect(Buffer.from(parseCertificatePem(text).der)).toEqual(Buffer.from(leaf));
    }
  });

  it.each([
    ["an empty text", () => "", /not a valid PEM/],
    ["another block", (pem: string) => pem.replaceAll("CERTIFICATE", "PRIVATE KEY"), /of type PRIVATE KEY/],
    ["two blocks", (pem: string) => pem + pem, /something follows/],
    ["a blank line after it", (pem: string) => `${pem}\n`, /something follows/],
    ["text after it", (pem: string) => `${pem}x`, /something follows/],
    ["a line that is no base64", (pem: string) => pem.replace("MII", "M!I"), /not a valid PEM/],
    ["padding in the middle", (pem: string) => pem.replace("MII", "MI="), /not valid base64/],
    ["no end", (pem: string) => pem.slice(0, -10), /not a valid PEM/],
  ])("refuses %s", (_, damage, message) => {
    const text = damage(toPem("CERTIFICATE", leaf));
    expect(() => parseCertificatePem(text)).toThrow(MalformedInput);
    expect(() => parseCertificatePem(text)).toThrow(message);
  });
});

interface MintCase {
  certificate?: string;
  luci: { error_code?: string };
  name: string;
  group: string;
}

describeWithVectors("certificates that LUCI's server has seen", () => {
  const { cases } = readJsonVector<{ cases: MintCase[] }>("mint-request/cases.json");
  const inFiles = cases.filter(({ name }) => !["certificate-absent", "certificate-garbage"].includes(name));
  const seen = inFiles.filter(({ group }) => ["good", "certificate"].includes(group));

  it.each(seen)("$name is malformed exactly if LUCI says so", ({ certificate, luci }) => {
    const parse = () => parseCertificate(readVector(`pki/machines/${certificate}.der`));
    if (luci.error_code === "BAD_CERTIFICATE_FORMAT") expect(parse).toThrow(MalformedInput);
    else expect(parse).not.toThrow();
  });
});
