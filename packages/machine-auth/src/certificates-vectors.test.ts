import { constants, verify, X509Certificate } from "node:crypto";
import { expect, it } from "vitest";
import { describeWithVectors, readJsonVector, readVector } from "shared-vectors";
import { TrustUnavailable } from "./errors.js";
import { encodeMachineToken } from "./machine-token.js";
import { trustFromDocument } from "./trust-document.js";
import { verifyMachineToken } from "./verify-machine-token.js";

interface Vectors {
  issuer: string;
  key_id: string;
  cases: { name: string; token: string; body_hex: string }[];
}

const NOON = { now: Date.parse("2026-06-01T12:00:00Z") / 1000 };

describeWithVectors("certificates documents of the vectors", () => {
  const { issuer, key_id: keyId, cases } = readJsonVector<Vectors>("machine-token/cases.json");
  const good = cases.find(({ name }) => name === "base") ?? expect.fail("no good token");
  const document = (name: string) => readVector(`machine-token/${name}.json`).toString("utf8");
  const trustOf = (name: string) => trustFromDocument(document(name), { issuer });
  const refusal = (code: string) => expect.objectContaining({ name: "TokenRejected", code });

  it.each(["certificates", "certificates-no-timestamp", "certificates-zero-time", "certificates-expired"])(
    "%s holds the signing key",
    (name) => {
      const machine = verifyMachineToken(good.token, trustOf(name), NOON);
      expect(machine.identity).toBe("bot:host-1.fleet.example.com");
    },
  );

  it.each(["certificates-broken-pem", "certificates-older"])("%s does not hold the signing key", (name) => {
    expect(() => verifyMachineToken(good.token, trustOf(name), NOON)).toThrow(refusal("UNKNOWN_KEY"));
  });

  it("a timestamp that is text makes a document unusable", () => {
    expect(() => trustOf("certificates-string-timestamp")).toThrow(TrustUnavailable);
  });

  it("the older document holds the older key", () => {
    const older = new X509Certificate(readVector("pki/signing-older.cert.pem"));
    const keys = [...(trustOf("certificates-older").issuers.get(issuer)?.values() ?? [])];
    expect(keys.map((key) => key.equals(older.publicKey))).toEqual([true]);
  });

  it("a good signature by PSS does not count: tokens are signed by PKCS#1 v1.5", () => {
    const trust = trustOf("certificates");
    const [tokenBody, rsaSha256] = [Buffer.from(good.body_hex, "hex"), readVector("pki/pss-signature.bin")];
    const key = trust.issuers.get(issuer)?.get(keyId) ?? expect.fail("no key");
    expect(verify("sha256", tokenBody, { key, padding: constants.RSA_PKCS1_PSS_PADDING }, rsaSha256)).toBe(true);
    const token = encodeMachineToken({ tokenBody, keyId, rsaSha256 });
    expect(() => verifyMachineToken(token, trust, NOON)).toThrow(refusal("BAD_SIGNATURE"));
  });
});
