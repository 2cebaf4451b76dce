import { damaged, damagedText, fuzz, orRefused } from "fuzz";
import { beforeAll, describe, expect, it } from "vitest";
import { bundleOf, makeBundleSigner } from "../test/bundle-signer.js";
import { ISSUED_AT, makeTokenIssuer, SUBTOKEN, type TokenIssuer } from "../test/token-issuer.js";
import { decodeSubtoken, decodeUnverifiedDelegationToken, encodeSubtoken } from "./delegation-token.js";
import { TokenRejected, TrustUnavailable } from "./errors.js";
import { isIdentity } from "./identity.js";
import { decodeUnverifiedMachineToken, encodeMachineTokenBody } from "./machine-token.js";
import { openTrustBundle } from "./open-trust-bundle.js";
import { trustFromDocument } from "./trust-document.js";
import { judgeDelegationToken } from "./verify-delegation-token.js";
import { verifyMachineToken } from "./verify-machine-token.js";

const letters = ["A", "=", "-", "_", "+", "/", "\n", " "];
const now = ISSUED_AT + 60;

let issuer: TokenIssuer;
beforeAll(async () => void (issuer = await makeTokenIssuer()));

const read = <T>(reader: () => T) => orRefused(reader, TokenRejected);

describe("whatever the bytes, readers refuse with their own errors", () => {
  it("the text of a machine token: none but the one that was signed is good", () => {
    const token = issuer.token();
    fuzz(damagedText([token], letters), (text) => {
      const machine = read(() => verifyMachineToken(text, issuer.trust, { now }));
      expect(machine === undefined).toBe(text !== token);
    });
  });

  it("the envelope of a machine token", () => {
    const envelope = Buffer.from(issuer.token(), "base64url");
    fuzz(damaged(envelope), (bytes) => {
      const text = bytes.toString("base64").replaceAll("=", "");
      const machine = read(() => verifyMachineToken(text, issuer.trust, { now }));
      expect(machine === undefined).toBe(!bytes.equals(envelope));
    });
  });

  it("the body of a machine token that is signed well", () => {
    fuzz(damaged(encodeMachineTokenBody(issuer.body())), (body) => {
      const text = issuer.tokenOf(body);
      const decoded = read(() => decodeUnverifiedMachineToken(text));
      const machine = read(() => verifyMachineToken(text, issuer.trust, { now }));
      if (!machine) return;
      expect(isIdentity(machine.identity)).toBe(true);
      expect(machine.expiresAt - machine.issuedAt).toBeLessThanOrEqual(86_400);
      expect(decoded && Buffer.from(encodeMachineTokenBody(decoded.body)).equals(body)).toBe(true);
    });
  });

  it("the text of a delegation token: none but the one that was signed is good", () => {
    const token = issuer.delegation();
    fuzz(damagedText([token], letters), (text) => {
      const delegation = read(() => judgeDelegationToken(text, issuer.trust, now));
      expect(delegation === undefined).toBe(text !== token);
    });
  });

  it("the envelope and the subtoken of a delegation", () => {
    const envelope = Buffer.from(issuer.delegation(), "base64url");
    const subtoken = encodeSubtoken(SUBTOKEN);
    fuzz(damaged(envelope, subtoken), (bytes) => {
      read(() => decodeUnverifiedDelegationToken(bytes.toString("base64url")));
      const decoded = read(() => decodeSubtoken(bytes));
      if (decoded) expect(Buffer.from(encodeSubtoken(decoded)).equals(bytes)).toBe(true);
      read(() => judgeDelegationToken(issuer.delegationOf(bytes), issuer.trust, now));
    });
  });

  it("a trust bundle: one that is not as it was signed is no trust", () => {
    const signer = makeBundleSigner();
    const signed = signer.sign(bundleOf(issuer));
    const demands = { nowMs: now * 1000, pinnedCa: undefined, issuer: undefined };
    fuzz(damaged(signed), (bytes) => {
      const opened = orRefused(() => openTrustBundle(bytes, demands), TrustUnavailable);
      if (opened) expect(opened.trust.issuers.get("minter@example.com")?.has(issuer.keyId)).toBe(true);
    });
  });

  it("a certificates document: no key but those that are in it", () => {
    const words = ['"certificates"', '"service_account_name"', "null", "[", "{", "}", '"', ":", "\\n"];
    fuzz(damagedText([issuer.document], words), (text) => {
      const trust = orRefused(() => trustFromDocument(text), TrustUnavailable);
      for (const keys of trust?.issuers.values() ?? []) expect(keys.size).toBeLessThanOrEqual(1);
    });
  });
});
