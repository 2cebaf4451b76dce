import { generateKeyPairSync, sign } from "node:crypto";
import { basicConstraints, keyUsage, makeKey, TestCa } from "@tokens/pki/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { type BundleSigner, bundleOf, makeBundleSigner, signerExtensions } from "../test/bundle-signer.js";
import { ISSUED_AT, makeTokenIssuer, type TokenIssuer } from "../test/token-issuer.js";
import { TrustUnavailable } from "./errors.js";
import { tokenFingerprint } from "./machine-token.js";
import { openTrustBundle } from "./open-trust-bundle.js";
import { readPinnedCa } from "./pinned-ca.js";
import { encodeTrustBundle, type TrustBundle } from "./trust-bundle.js";
import { verifyMachineToken } from "./verify-machine-token.js";

let issuer: TokenIssuer;
let signer: BundleSigner;
beforeAll(async () => {
  issuer = await makeTokenIssuer();
  signer = makeBundleSigner();
});

const nowMs = (ISSUED_AT + 60) * 1000;
const rsa = () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const open = (bytes: Uint8Array, demands = {}, base?: TrustBundle) =>
  openTrustBundle(bytes, { nowMs, ...demands }, base);
const refusal = (bytes: Uint8Array, demands = {}, base?: TrustBundle) => {
  try {
    open(bytes, demands, base);
  } catch (error) {
    if (error instanceof TrustUnavailable) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "accepted";
};

describe("openTrustBundle", () => {
  it("makes a trust of a bundle: keys and revocations", () => {
    const token = issuer.token();
    const revocation = {
      number: 3,
      subject: { kind: "token" as const, fingerprint: tokenFingerprint(token) },
      until: Number.POSITIVE_INFINITY,
    };
    const { trust, bundle } = open(signer.sign(bundleOf(issuer, { revocations: [revocation] })));
    expect([trust.number, bundle.revocations]).toEqual([7, [revocation]]);
    expect(() => verifyMachineToken(token, trust, { now: nowMs / 1000 })).toThrow(
      expect.objectContaining({ code: "REVOKED" }) as Error,
    );
    const other = issuer.token({ machineFqdn: "host-2.example.com" });
    expect(verifyMachineToken(other, trust, { now: nowMs / 1000 }).machineFqdn).toBe("host-2.example.com");
  });

  it.each([
    ["P-256", () => makeKey()],
    ["Ed25519", () => generateKeyPairSync("ed25519").privateKey],
    ["RSA-2048", rsa],
  ])("takes a signature with %s", (_name, key) => {
    expect(refusal(makeBundleSigner({ privateKey: key() }).sign(bundleOf(issuer)))).toBe("accepted");
  });

  it.each([
    ["P-384", () => generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey],
    ["RSA-1024", () => generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey],
    ["RSA with exponent 3", () => generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 }).privateKey],
  ])("takes no signature with %s", (_name, key) => {
    expect(refusal(makeBundleSigner({ privateKey: key() }).sign(bundleOf(issuer)))).toContain("signature is not");
  });

  it("takes no signature without its context, of another bundle, or of another key", () => {
    const bundle = bundleOf(issuer);
    const signatures = [
      sign("sha256", encodeTrustBundle(bundle), signer.privateKey),
      sign(
        "sha256",
        Buffer.concat([Buffer.from("tokenserver.trust.v1.TrustBundle"), encodeTrustBundle(bundle)]),
        signer.privateKey,
      ),
      makeKey().export({ type: "sec1", format: "der" }),
      Buffer.of(1),
    ];
    for (const signature of signatures) {
      expect(refusal(signer.sign(bundle, { signature }))).toContain("signature is not its signer's");
    }
    const changed = encodeTrustBundle({ ...bundle, number: 8 });
    expect(refusal(signer.sign(bundle, { bundle: changed }))).toContain("signature is not its signer's");
  });

  it("takes no bundle with any bit flipped", () => {
    const bytes = signer.sign(bundleOf(issuer));
    for (let at = 0; at < bytes.length; at += 7) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      // Bits of the certificate's own signature matter to those alone who pin its CA.
      expect(refusal(flipped, { pinnedCa: readPinnedCa(signer.caPem) })).toContain("BAD_DOCUMENT");
    }
  });

  it("takes no signer that is certified for another use, or as a CA", () => {
    const forTokens = [basicConstraints(false), keyUsage("digitalSignature")];
    expect(refusal(makeBundleSigner({ extensions: forTokens }).sign(bundleOf(issuer)))).toContain("not for signing");
    const forClients = signerExtensions("1.3.6.1.5.5.7.3.2");
    expect(refusal(makeBundleSigner({ extensions: forClients }).sign(bundleOf(issuer)))).toContain("not for signing");
    const asCa = [basicConstraints(true), keyUsage("digitalSignature", "keyCertSign"), ...signerExtensions().slice(2)];
    expect(refusal(makeBundleSigner({ extensions: asCa }).sign(bundleOf(issuer)))).toContain("not for signing");
    expect(refusal(signer.sign(bundleOf(issuer), { certificates: [] }))).toContain("names no signer");
    expect(refusal(signer.sign(bundleOf(issuer), { certificates: [Buffer.from("x")] }))).toContain("cannot be read");
  });

  it("is of the account that is asked for", () => {
    const bytes = signer.sign(bundleOf(issuer));
    expect(refusal(bytes, { issuer: "minter@example.com" })).toBe("accepted");
    expect(refusal(bytes, { issuer: "other@example.com" })).toContain('of "minter@example.com" and not of');
  });

  it("leaves out keys that cannot be used, and a second id of a key", () => {
    const good = { keyId: issuer.keyId, certificate: issuer.certificate };
    const weak = TestCa.create("CA").issue("weak").certificate;
    const keys = [
      { keyId: "weak", certificate: weak },
      { keyId: "rubbish", certificate: Buffer.from("rubbish") },
      { keyId: "x".repeat(65), certificate: issuer.certificate },
      good,
      { keyId: "alias", certificate: issuer.certificate },
      { keyId: "more rubbish", certificate: Buffer.from("rubbish") },
    ];
    const { trust } = open(signer.sign(bundleOf(issuer, { keys })));
    expect([...(trust.issuers.get("minter@example.com")?.keys() ?? [])]).toEqual([issuer.keyId]);
  });

  it("takes a key id of 64 letters", () => {
    const keys = [{ keyId: "x".repeat(64), certificate: issuer.certificate }];
    const { trust } = open(signer.sign(bundleOf(issuer, { keys })));
    expect(trust.issuers.get("minter@example.com")?.has("x".repeat(64))).toBe(true);
  });

  it("refuses what is no bundle", () => {
    for (const bytes of [Buffer.from(""), Buffer.from("{}"), Buffer.from(issuer.document)]) {
      expect(refusal(bytes)).toContain("BAD_DOCUMENT: the trust bundle cannot be used");
    }
  });
});

describe("openTrustBundle with a pinned CA", () => {
  const pinned = (...cas: BundleSigner[]) => ({ pinnedCa: readPinnedCa(cas.map(({ caPem }) => caPem).join("\n")) });

  it("demands a signer that this CA certified, or another that is pinned too", () => {
    const stranger = makeBundleSigner();
    const bytes = signer.sign(bundleOf(issuer));
    expect(refusal(bytes, pinned(signer))).toBe("accepted");
    expect(refusal(bytes, pinned(stranger, signer))).toBe("accepted");
    expect(refusal(bytes, pinned(stranger))).toContain("not certified by the pinned CA");
    expect(refusal(stranger.sign(bundleOf(issuer)))).toBe("accepted");
  });
});

describe("openTrustBundle with an update", () => {
  const revoked = (number: number) => ({
    number,
    subject: { kind: "machine" as const, fqdn: `host-${number}.example.com` },
    until: Number.POSITIVE_INFINITY,
  });
  const base = () => bundleOf(issuer, { number: 7, revocations: [revoked(1), revoked(2), revoked(4)] });
  const next = () => bundleOf(issuer, { number: 8, revocations: [revoked(2), revoked(4), revoked(5)] });

  it("gives the complete bundle, as it was signed", () => {
    const update = signer.signDelta(base(), next());
    const { bundle, signed } = open(update, {}, base());
    expect(bundle.revocations).toEqual(next().revocations);
    expect(Buffer.from(signed.bundle)).toEqual(Buffer.from(encodeTrustBundle(next())));
    expect(update.length).toBeLessThan(signer.sign(next()).length);
  });

  it("refuses one that leaves a revocation out, or that is based on something else", () => {
    const update = signer.signDelta(base(), next());
    expect(refusal(update)).toContain("not at hand");
    expect(refusal(signer.sign(next(), { removed: [1] }))).toContain("not at hand");
    expect(refusal(update, {}, { ...base(), number: 6 })).toContain("the update is to bundle 7");
    expect(refusal(update, {}, { ...base(), revocations: [revoked(1), revoked(2)] })).toContain("signature is not");
    const more = signer.signDelta(base(), next(), { removed: [1, 2] });
    expect(refusal(more, {}, base())).toContain("signature is not its signer's");
  });
});
