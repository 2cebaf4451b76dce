import { toPem } from "@tokens/pki/x509";
import { beforeAll, describe, expect, it } from "vitest";
import { type BundleSigner, bundleOf, makeBundleSigner } from "../test/bundle-signer.js";
import { makeTokenIssuer, type TokenIssuer } from "../test/token-issuer.js";
import { trustFromDocument } from "./trust-document.js";

let issuer: TokenIssuer;
let signer: BundleSigner;
beforeAll(async () => {
  issuer = await makeTokenIssuer();
  signer = makeBundleSigner();
});

const bad = expect.objectContaining({ name: "TrustUnavailable", code: "BAD_DOCUMENT" }) as Error;

describe("trustFromDocument", () => {
  it("reads a certificates document, as text or bytes", () => {
    for (const document of [issuer.document, Buffer.from(issuer.document), `\n  ${issuer.document}\n`]) {
      const trust = trustFromDocument(document);
      expect([trust.number, [...trust.issuers.keys()]]).toEqual([undefined, ["minter@example.com"]]);
    }
  });

  it("reads a trust bundle", () => {
    const trust = trustFromDocument(signer.sign(bundleOf(issuer)));
    expect([trust.number, [...trust.issuers.keys()]]).toEqual([7, ["minter@example.com"]]);
  });

  it("demands the account and the CA that it is told", () => {
    const bundle = signer.sign(bundleOf(issuer));
    expect(trustFromDocument(bundle, { issuer: "minter@example.com", ca: signer.caPem }).number).toBe(7);
    expect(() => trustFromDocument(bundle, { issuer: "other@example.com" })).toThrow(bad);
    expect(() => trustFromDocument(issuer.document, { issuer: "other@example.com" })).toThrow(bad);
    expect(() => trustFromDocument(bundle, { ca: makeBundleSigner().caPem })).toThrow(bad);
    const uncertified = trustFromDocument(issuer.document, { ca: signer.caPem });
    expect(uncertified.issuers.get("minter@example.com")?.size).toBe(0);
  });

  it("refuses a CA that is none", () => {
    const leaf = toPem("CERTIFICATE", signer.ca.issue("leaf").certificate);
    for (const ca of ["", "hello", leaf]) expect(() => trustFromDocument(issuer.document, { ca })).toThrow(TypeError);
  });

  it("looks at the dates of a pinned CA's certificates by the clock it is given", () => {
    const bundle = signer.sign(bundleOf(issuer));
    const at = (time: string) => () => trustFromDocument(bundle, { ca: signer.caPem }, () => Date.parse(time));
    expect(at("2030-01-01")).not.toThrow();
    expect(at("2050-01-01")).toThrow(bad);
  });

  it.each([
    ["nothing", ""],
    ["text", "hello"],
    ["an update", () => signer.signDelta(bundleOf(issuer), bundleOf(issuer, { number: 8 }))],
    ["bytes that are no text", () => Buffer.of(0xff, 0xfe)],
    ["a bundle and a byte", () => Buffer.concat([signer.sign(bundleOf(issuer)), Buffer.of(0)])],
    ["half of a bundle", () => signer.sign(bundleOf(issuer)).subarray(0, 400)],
  ])("refuses %s", (_name, document) => {
    expect(() => trustFromDocument(typeof document === "function" ? document() : document)).toThrow(bad);
  });
});
