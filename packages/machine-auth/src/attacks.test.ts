import { createHmac, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { TestCa } from "@tokens/pki/testing";
import { toPem } from "@tokens/pki/x509";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { bundleOf, makeBundleSigner } from "../test/bundle-signer.js";
import { certificatePemOf, certificatesDocument, ISSUED_AT, makeTokenIssuer, SUBTOKEN } from "../test/token-issuer.js";
import type { TokenIssuer } from "../test/token-issuer.js";
import { encodeSubtoken } from "./delegation-token.js";
import { TokenRejected, TrustUnavailable } from "./errors.js";
import { identityHeaders } from "./identity-headers.js";
import { encodeMachineToken, encodeMachineTokenBody } from "./machine-token.js";
import { openTrustBundle } from "./open-trust-bundle.js";
import type { Trust } from "./trust.js";
import { encodeTrustBundle, trustBundleSignedBytes } from "./trust-bundle.js";
import { trustFromDocument } from "./trust-document.js";
import { judgeDelegationToken } from "./verify-delegation-token.js";
import { verifyMachineToken } from "./verify-machine-token.js";

const now = ISSUED_AT + 60;
const account = "minter@example.com";

let issuer: TokenIssuer;
beforeAll(async () => void (issuer = await makeTokenIssuer(account)));

const certificateOf = (privateKey: KeyObject) =>
  toPem("CERTIFICATE", TestCa.create("Signer", { privateKey }).certificate);

/** What becomes of a token: who it is, or why it is nobody. */
function verdict(token: string, trust: Trust = issuer.trust): string {
  try {
    return verifyMachineToken(token, trust, { now }).identity;
  } catch (error) {
    if (error instanceof TokenRejected) return error.code;
    throw error;
  }
}

describe("attack 1: algorithm confusion", () => {
  it("a key of another kind signs no tokens, whatever publishes it", () => {
    const body = encodeMachineTokenBody(issuer.body());
    const kinds = [
      generateKeyPairSync("ec", { namedCurve: "P-256" }),
      generateKeyPairSync("rsa", { modulusLength: 1024 }),
      generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 }),
    ];
    for (const { privateKey } of kinds) {
      const document = certificatesDocument(account, [{ name: "k", pem: certificateOf(privateKey) }]);
      const token = encodeMachineToken({ tokenBody: body, keyId: "k", rsaSha256: sign("sha256", body, privateKey) });
      expect(verdict(token, trustFromDocument(document))).toBe("UNKNOWN_KEY");
    }
  });

  it("a public key is no shared secret: an HMAC with it is no signature", () => {
    const body = encodeMachineTokenBody(issuer.body());
    const { keyId } = issuer;
    for (const secret of [issuer.document, issuer.certificate, ""]) {
      const mac = createHmac("sha256", secret).update(body).digest();
      for (const rsaSha256 of [mac, Buffer.concat([Buffer.alloc(224), mac]), new Uint8Array()]) {
        expect(verdict(encodeMachineToken({ tokenBody: body, keyId, rsaSha256 }))).toBe("BAD_SIGNATURE");
      }
    }
  });
});

describe("attack 2: key confusion", () => {
  it("what one key has signed as one kind of thing is of no other kind", () => {
    const signer = makeBundleSigner();
    const bundle = bundleOf(issuer);
    const signed = {
      machine: encodeMachineTokenBody(issuer.body()),
      delegation: encodeSubtoken(SUBTOKEN),
      bundle: trustBundleSignedBytes(encodeTrustBundle(bundle)),
      "a bundle without its context": encodeTrustBundle(bundle),
      request: Buffer.from("0a01002801", "hex"),
    };
    const demands = { nowMs: now * 1000 };
    const opens = (bytes: Uint8Array) => {
      try {
        return openTrustBundle(bytes, demands).trust.number === bundle.number;
      } catch (error) {
        expect(error).toBeInstanceOf(TrustUnavailable);
        return false;
      }
    };
    const isDelegation = (token: string) => {
      try {
        return judgeDelegationToken(token, issuer.trust, now).value.delegatedIdentity !== "";
      } catch (error) {
        expect(error).toBeInstanceOf(TokenRejected);
        return false;
      }
    };
    const taken = Object.entries(signed).map(([kind, bytes]) => [
      kind,
      verdict(issuer.tokenOf(bytes)) === "bot:host-1.example.com",
      isDelegation(issuer.delegationOf(bytes)),
      opens(signer.sign(bundle, { signature: sign("sha256", bytes, signer.privateKey) })),
    ]);
    expect(taken).toEqual([
      ["machine", true, false, false],
      ["delegation", false, true, false],
      ["bundle", false, false, true],
      ["a bundle without its context", false, false, false],
      ["request", false, false, false],
    ]);
  });

  it("a signature in the context of bundles verifies nothing else, whatever the bytes", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const signature = sign(null, trustBundleSignedBytes(bytes), privateKey);
        expect(verify(null, bytes, publicKey, signature)).toBe(false);
      }),
      { numRuns: 50 },
    );
  });
});

describe("attack 3: tricks with key ids", () => {
  it.each(["__proto__", "constructor", "toString", "../x", "\0", "k".repeat(6000), ""])("%s names no key", (keyId) => {
    const token = issuer.tokenWithKeyId(issuer.body(), keyId);
    expect(["UNKNOWN_KEY", "MALFORMED", "TOO_LARGE"]).toContain(verdict(token));
  });

  it("an issuer's key signs nothing in the name of another, though both call theirs the same", async () => {
    const other = await makeTokenIssuer("other@example.com");
    const pem = await certificatePemOf(other.privateKey);
    const theirs = trustFromDocument(certificatesDocument("other@example.com", [{ name: issuer.keyId, pem }]));
    const both = { ...issuer.trust, issuers: new Map([...issuer.trust.issuers, ...theirs.issuers]) };
    const body = encodeMachineTokenBody(issuer.body());
    const rsaSha256 = sign("sha256", body, other.privateKey);
    expect(verdict(encodeMachineToken({ tokenBody: body, keyId: issuer.keyId, rsaSha256 }), both)).toBe(
      "BAD_SIGNATURE",
    );
    expect(verdict(issuer.token(), both)).toBe("bot:host-1.example.com");
  });
});

it("attack 4: malleable base64: one token has one text", () => {
  const token = issuer.token();
  const last = token.at(-1) ?? "";
  const neighbours = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
  const others = [
    ...["=", "==", " ", "\n", "\r\n", "\0", "A", "AA", "AAAA", ","].flatMap((junk) => [token + junk, junk + token]),
    ...neighbours.filter((letter) => letter !== last).map((letter) => token.slice(0, -1) + letter),
    token.replaceAll("+", "-").replaceAll("/", "_"),
    `${token.slice(0, 40)}\n${token.slice(40)}`,
    `${token}=${token}`,
  ].filter((text) => text !== token);
  expect(others.filter((text) => verdict(text) === "bot:host-1.example.com")).toEqual([]);
  expect(verdict(token)).toBe("bot:host-1.example.com");
});

it("attack 5: malleable protobuf: one statement has one encoding, though the signature is good", () => {
  const body = Buffer.from(encodeMachineTokenBody(issuer.body()));
  const twice = Buffer.concat([body, Buffer.from("2001", "hex")]);
  const unknown = Buffer.concat([body, Buffer.from("c03e01", "hex")]);
  const zero = Buffer.concat([body, Buffer.from("4000", "hex")]);
  const fqdnLast = Buffer.concat([body.subarray(20), body.subarray(0, 20)]);
  const padded = Buffer.concat([Buffer.from("0a9200", "hex"), body.subarray(2)]);
  const wrongType = Buffer.concat([Buffer.from([0x08]), body.subarray(1)]);
  for (const bytes of [twice, unknown, zero, fqdnLast, padded, wrongType]) {
    expect(verdict(issuer.tokenOf(bytes))).toBe("MALFORMED");
  }
});

describe("attack 7: Bleichenbacher's forgery", () => {
  /** The greatest integer whose cube is not above a number. */
  function cubeRoot(number: bigint): bigint {
    let [low, high] = [0n, 1n << BigInt(Math.ceil(number.toString(2).length / 3) + 1)];
    while (low < high) {
      const middle = (low + high + 1n) / 2n;
      if (middle ** 3n <= number) low = middle;
      else high = middle - 1n;
    }
    return low;
  }

  it("a key with exponent 3 is not trusted, so that no cube root is a signature", () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 });
    const body = encodeMachineTokenBody(issuer.body());
    // A forgery for readers that do not look at what follows the digest: any number with this beginning will do.
    const prefix = Buffer.from(`0001ffffffffffffffff00${"3031300d060960864801650304020105000420"}`, "hex");
    const block = Buffer.concat([prefix, body.subarray(0, 32)]);
    const wanted = BigInt(`0x${block.toString("hex")}${"ff".repeat(256 - block.length)}`);
    const forged = Buffer.from(cubeRoot(wanted).toString(16).padStart(512, "0"), "hex");
    const pem = certificateOf(privateKey);
    const trust = trustFromDocument(certificatesDocument(account, [{ name: "k", pem }]));
    expect(trust.issuers.get(account)?.size).toBe(0);
    for (const rsaSha256 of [forged, sign("sha256", body, privateKey)]) {
      expect(verdict(encodeMachineToken({ tokenBody: body, keyId: "k", rsaSha256 }), trust)).toBe("UNKNOWN_KEY");
    }
  });

  it("a bundle's signer with exponent 3 is not believed, though its CA certified it", () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 });
    const signer = makeBundleSigner({ privateKey }, TestCa.create("Signing CA"));
    const open = () => openTrustBundle(signer.sign(bundleOf(issuer)), { nowMs: now * 1000 });
    expect(open).toThrow(TrustUnavailable);
  });
});

it("attack 16: header injection: no name that a token can carry ends a header or begins another", () => {
  const names = ["a\r\nX-Admin: 1", "a\nb", "a\0b", "a,b", "a;b", "hôst", "\u212a", "a b", "a\tb", '"a"', "a:b", "<a>"];
  for (const machineFqdn of names) expect(verdict(issuer.token({ machineFqdn }))).toBe("BAD_IDENTITY");
  const machine = verifyMachineToken(issuer.token({ machineFqdn: "A_-.9@x" }), issuer.trust, { now });
  const { identity } = machine;
  const headers = identityHeaders({ status: "confirmed", identity, peer: identity, machine });
  for (const value of Object.values(headers)) expect(value).toMatch(/^[0-9a-zA-Z_\-.@:+%]+$/);
});
