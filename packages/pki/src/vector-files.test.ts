import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { expect, it } from "vitest";
import { describeWithVectors, readVector, vectorNames } from "shared-vectors";
import { type Certificate, parseCertificate, parseCertificatePem } from "./certificate.js";
import { MalformedInput } from "./errors.js";
import { publicKeyOf } from "./public-key.js";

/** Files that are no certificate to us, and why. Everything else is read. */
const refused: Record<string, string> = {
  "cn-bad-utf8": "a name that is not UTF-8",
  "pem-not-der": "PEM where DER is wanted",
  "serial-negative": "serial numbers are positive (RFC 5280, section 4.1.2.2)",
  "trailing-byte": "a byte after the certificate",
  truncated: "cut short",
  "two-certificates": "one certificate is wanted",
};

const spkiOf = (key: KeyObject) => key.export({ type: "spki", format: "der" }).toString("hex");
/** The public half of a private key. */
const ownKey = (name: string) => createPublicKey(createPrivateKey(readVector(`pki/keys/${name}.key.pem`)));
const pem = (path: string) => parseCertificatePem(readVector(`pki/${path}.pem`).toString("utf8"));

function parsed(name: string): Certificate | string {
  try {
    return parseCertificate(readVector(`pki/machines/${name}.der`));
  } catch (error) {
    if (error instanceof MalformedInput) return "refused";
    throw error;
  }
}

describeWithVectors("certificates of the vectors", () => {
  const files = vectorNames("pki/machines").filter((name) => name.endsWith(".der"));

  it.each(files.map((name) => name.replace(".der", "")))("%s is read as node reads it, or refused", (name) => {
    const ours = parsed(name);
    expect(ours === "refused").toBe(name in refused);
    if (typeof ours === "string") return;
    const theirs = new X509Certificate(readVector(`pki/machines/${name}.der`));
    expect(ours.serial).toBe(BigInt(`0x${theirs.serialNumber}`));
    expect(ours.notAfterSeconds).toBe(Date.parse(theirs.validTo) / 1000);
    if (theirs.publicKey.asymmetricKeyType === "rsa") {
      expect(spkiOf(publicKeyOf(ours.publicKey))).toBe(spkiOf(theirs.publicKey));
    }
  });

  const twins = vectorNames("pki/machines").filter((name) => name.endsWith(".pem"));
  it.each(twins.map((name) => name.replace(".pem", "")))("%s is the same in PEM", (name) => {
    expect(pem(`machines/${name}`).der).toEqual(parseCertificate(readVector(`pki/machines/${name}.der`)).der);
  });
});

describeWithVectors("keys of the vectors", () => {
  const cas = vectorNames("pki/cas").map((name) => name.replace(".pem", ""));
  it.each(cas)("the key of CA %s is the one in its certificate", (name) => {
    expect(spkiOf(publicKeyOf(pem(`cas/${name}`).publicKey))).toBe(spkiOf(ownKey(`ca-${name}`)));
  });

  it.each([
    ["machine", "good"],
    ["machine-1024", "key-1024"],
    ["machine-4096", "key-4096"],
    ["machine-ed25519", "key-ed25519"],
    ["machine-p256", "key-p256"],
    ["machine-p384", "key-p384"],
  ])("the key %s is the one in the certificate %s", (key, certificate) => {
    const { publicKey } = parseCertificate(readVector(`pki/machines/${certificate}.der`));
    expect(spkiOf(publicKeyOf(publicKey))).toBe(spkiOf(ownKey(key)));
  });

  it.each([
    ["signing", "signing"],
    ["signing", "signing-expired"],
    ["signing-older", "signing-older"],
  ])("the key %s is the one in %s.cert.pem", (key, certificate) => {
    expect(spkiOf(publicKeyOf(pem(`${certificate}.cert`).publicKey))).toBe(spkiOf(ownKey(key)));
  });

  it("the stranger's is nobody's", () => {
    const known = [...cas.map((name) => `ca-${name}`), "machine", "signing", "signing-older"].map((name) =>
      spkiOf(ownKey(name)),
    );
    expect(known).not.toContain(spkiOf(ownKey("stranger")));
  });
});
