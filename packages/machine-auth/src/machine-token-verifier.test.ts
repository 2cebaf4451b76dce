import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { ISSUED_AT, makeTokenIssuer, type TokenIssuer } from "../test/token-issuer.js";
import { TokenRejected } from "./errors.js";
import {
  decodeUnverifiedMachineToken,
  encodeMachineToken,
  encodeMachineTokenBody,
  tokenFingerprint,
} from "./machine-token.js";
import { machineTokenVerifier, type VerifierOptions } from "./machine-token-verifier.js";
import { type Revocation, Revocations } from "./revocations.js";
import type { Trust } from "./trust.js";
import { verifyMachineToken } from "./verify-machine-token.js";

let issuer: TokenIssuer;
beforeAll(async () => void (issuer = await makeTokenIssuer()));

const now = ISSUED_AT + 60;
const FOREVER = Number.POSITIVE_INFINITY;

const withRevocations = (...revocations: Revocation[]): Trust => ({
  ...issuer.trust,
  revocations: new Revocations(revocations),
});

function verdict(verify: () => unknown): unknown {
  try {
    return verify();
  } catch (error) {
    if (error instanceof TokenRejected) return error.code;
    throw error;
  }
}

describe("machineTokenVerifier", () => {
  it("gives the same answer again without a look at the signature", () => {
    const verify = machineTokenVerifier();
    const token = issuer.token();
    const first = verify(token, issuer.trust, now);
    expect(first).toEqual(verifyMachineToken(token, issuer.trust, { now }));
    expect(verify(`${token.slice(0, 100)}${token.slice(100)}`, issuer.trust, now)).toBe(first);
    expect(Object.isFrozen(first)).toBe(true);
  });

  it("needs no second look for as long as the token is good, drift included", () => {
    const verify = machineTokenVerifier();
    const token = issuer.token();
    const first = verify(token, issuer.trust, now);
    for (const at of [ISSUED_AT - 10, ISSUED_AT + 3610]) expect(verify(token, issuer.trust, at)).toBe(first);
  });

  it("looks at the signature of another token that ends alike", () => {
    const verify = machineTokenVerifier();
    const token = issuer.token();
    verify(token, issuer.trust, now);
    const body = Buffer.from(encodeMachineTokenBody(issuer.body({ machineFqdn: "host-9.example.com" })));
    const forged = encodeMachineToken({
      tokenBody: body,
      keyId: issuer.keyId,
      rsaSha256: sign("sha256", encodeMachineTokenBody(issuer.body()), issuer.privateKey),
    });
    expect(forged.slice(-32)).toBe(token.slice(-32));
    expect(verdict(() => verify(forged, issuer.trust, now))).toBe("BAD_SIGNATURE");
  });

  it("remembers no refusal", () => {
    const verify = machineTokenVerifier();
    const token = issuer.token();
    expect(verdict(() => verify(token, issuer.trust, ISSUED_AT - 60))).toBe("NOT_YET_VALID");
    expect(verify(token, issuer.trust, now).identity).toBe("bot:host-1.example.com");
  });

  it("ends what it knows at the second it expires, and takes no clock that is no number", () => {
    const verify = machineTokenVerifier();
    const token = issuer.token();
    const at = (time: number) => verdict(() => verify(token, issuer.trust, time));
    expect(at(now)).toMatchObject({ identity: "bot:host-1.example.com" });
    expect(at(ISSUED_AT + 3610)).toMatchObject({ identity: "bot:host-1.example.com" });
    expect(at(ISSUED_AT + 3610.001)).toBe("EXPIRED");
    expect(at(ISSUED_AT - 10.001)).toBe("NOT_YET_VALID");
    expect(at(Number.NaN)).toBe("NOT_YET_VALID");
  });

  it("forgets a token when its key is no longer trusted, or another key has its id", () => {
    const verify = machineTokenVerifier();
    const token = issuer.token();
    verify(token, issuer.trust, now);
    const trustOf = (keys: [string, KeyObject][]): Trust => ({
      ...issuer.trust,
      issuers: new Map([["minter@example.com", new Map(keys)]]),
    });
    const { publicKey: other } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    expect(verdict(() => verify(token, trustOf([]), now))).toBe("UNKNOWN_KEY");
    expect(verdict(() => verify(token, trustOf([[issuer.keyId, other]]), now))).toBe("BAD_SIGNATURE");
    expect(verdict(() => verify(token, { ...issuer.trust, issuers: new Map() }, now))).toBe("UNKNOWN_ISSUER");
    expect(verify(token, issuer.trust, now).identity).toBe("bot:host-1.example.com");
  });

  it("refuses a token that it knows as soon as it is revoked, and takes it when the revocation is over", () => {
    const verify = machineTokenVerifier();
    const token = issuer.token();
    verify(token, issuer.trust, now);
    const revoked = withRevocations({ subject: { kind: "machine", fqdn: "host-1.example.com" }, until: now + 30 });
    expect(verdict(() => verify(token, revoked, now + 29.9))).toBe("REVOKED");
    expect(verify(token, revoked, now + 30).identity).toBe("bot:host-1.example.com");
    expect(verdict(() => verify(token, revoked, now + 29.9))).toBe("REVOKED");
    expect(verify(token, issuer.trust, now).identity).toBe("bot:host-1.example.com");
  });
});

describe("a verifier with a cache and one without", () => {
  /** A world of a few tokens, trusts and clocks that lie close to every limit. */
  interface World {
    readonly tokens: readonly string[];
    readonly trusts: readonly Trust[];
    readonly clocks: readonly number[];
  }

  async function makeWorld(): Promise<World> {
    const other = await makeTokenIssuer();
    const good = issuer.token();
    const tokens = [
      good,
      issuer.token({ machineFqdn: "host-2.example.com", certSn: "1002" }),
      issuer.token({ audience: ["billing"] }),
      issuer.token({ lifetime: 600 }),
      issuer.token({ machineFqdn: "not a name" }),
      other.token(),
      `${good.slice(0, -1)}${good.endsWith("A") ? "E" : "A"}`,
      `x${good.slice(1)}`,
      "",
    ];
    const both = new Map([
      ["minter@example.com", new Map([issuer, other].map(({ keyId, trust }) => [keyId, keyOf(trust, keyId)]))],
    ]);
    const trusts: Trust[] = [
      issuer.trust,
      { ...issuer.trust, issuers: both },
      { ...issuer.trust, issuers: new Map() },
      withRevocations({ subject: { kind: "token", fingerprint: tokenFingerprint(good) }, until: FOREVER }),
      withRevocations({ subject: { kind: "machine", fqdn: "host-1.example.com" }, until: ISSUED_AT + 300 }),
      withRevocations({ subject: { kind: "certificate", caId: 42n, certSn: "1002" }, until: ISSUED_AT + 700 }),
      withRevocations({ subject: { kind: "ca", caId: 42n }, until: ISSUED_AT + 10 }),
    ];
    const limits = [0, 10, 300, 600, 700, 3600];
    const clocks = limits.flatMap((at) => [-10.5, -10, -0.5, 0, 0.5, 10, 10.5].map((near) => ISSUED_AT + at + near));
    return { tokens, trusts, clocks };
  }

  const keyOf = (trust: Trust, keyId: string): KeyObject => {
    const key = trust.issuers.get("minter@example.com")?.get(keyId);
    if (!key) throw new Error("no such key");
    return key;
  };

  it.each<VerifierOptions>([
    {},
    { hashTokens: true },
    { cacheEntries: 1 },
    { cacheEntries: 2, hashTokens: true, audience: "billing" },
    { maxLifetimeSeconds: 600 },
  ])("say the same, whatever was asked before: %o", async (options) => {
    const { tokens, trusts, clocks } = await makeWorld();
    const question = fc.tuple(fc.constantFrom(...tokens), fc.constantFrom(...trusts), fc.constantFrom(...clocks));
    fc.assert(
      fc.property(fc.array(question, { minLength: 1, maxLength: 40 }), (questions) => {
        const verify = machineTokenVerifier(options);
        for (const [token, trust, clock] of questions) {
          const uncached = verdict(() => verifyMachineToken(token, trust, { ...options, now: clock }));
          expect(verdict(() => verify(token, trust, clock))).toEqual(uncached);
        }
      }),
      { numRuns: 60 },
    );
  });
});

/** Field `tag` of an envelope, its length in as many bytes as wanted. */
function field(tag: number, bytes: Uint8Array, lengthBytes = 2): Buffer {
  const length = Array.from({ length: lengthBytes }, (_, at) => {
    const more = at < lengthBytes - 1 ? 0x80 : 0;
    return ((bytes.length >> (7 * at)) & 0x7f) | more;
  });
  return Buffer.concat([Buffer.from([(tag << 3) | 2, ...length]), bytes]);
}

/** Texts that lenient readers take for the token or for what it says, without a new signature. */
function otherForms(token: string): string[] {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const changed = token.split("").flatMap((letter, at) => {
    const next = letters[(letters.indexOf(letter) + 1) % 64] ?? "";
    return ["", next, "\n", `${letter}\n`, `${letter}=`, `${letter} `].map(
      (other) => token.slice(0, at) + other + token.slice(at + 1),
    );
  });
  const padded = ["=", "==", "\r\n", "\0", "A", "AAAA"].flatMap((more) => [token + more, more + token]);
  const { tokenBody, keyId, rsaSha256 } = decodeUnverifiedMachineToken(token);
  const [body, id, signature] = [field(1, tokenBody), field(2, Buffer.from(keyId), 1), field(3, rsaSha256)];
  const plusModulus = BigInt(`0x${Buffer.from(rsaSha256).toString("hex")}`) + modulus();
  const envelopes = [
    [id, body, signature],
    [signature, id, body],
    [body, id, signature, signature],
    [body, body, id, signature],
    [body, id, id, signature],
    [body, id, signature, field(9, Buffer.of(1), 1)],
    [field(1, tokenBody, 3), id, signature],
    [body, field(2, Buffer.from(keyId), 2), signature],
    [body, id, field(3, Buffer.concat([Buffer.of(0), rsaSha256]))],
    [body, id, field(3, Buffer.from(plusModulus.toString(16).padStart(514, "0"), "hex"))],
    [body, id, field(3, Buffer.from(plusModulus.toString(16).padStart(512, "0"), "hex"))],
    [body, field(2, Buffer.from(`${keyId} `), 1), signature],
    [body, field(2, Buffer.from(keyId.toUpperCase()), 1), signature],
    [field(1, Buffer.concat([tokenBody, Buffer.of(0x30, 1)])), id, signature],
  ];
  const encoded = envelopes.map((parts) => Buffer.concat(parts).toString("base64").replaceAll("=", ""));
  const urls = [token, ...encoded].map((text) => text.replaceAll("+", "-").replaceAll("/", "_"));
  return [...changed, ...padded, ...encoded, ...urls, encodeURIComponent(token)].filter((text) => text !== token);
}

function modulus(): bigint {
  const { n = "" } = createPublicKey(issuer.privateKey).export({ format: "jwk" });
  return BigInt(`0x${Buffer.from(n, "base64url").toString("hex")}`);
}

it("takes a revoked token in no other form: there is exactly one text for what it says", () => {
  const token = issuer.token();
  const revoked = withRevocations({ subject: { kind: "token", fingerprint: tokenFingerprint(token) }, until: FOREVER });
  const [verify, forms] = [machineTokenVerifier(), otherForms(token)];
  expect(verify(token, issuer.trust, now).identity).toBe("bot:host-1.example.com");
  expect(verdict(() => verify(token, revoked, now))).toBe("REVOKED");
  expect(forms.length).toBeGreaterThan(2000);
  const codes = new Set(forms.map((form) => verdict(() => verify(form, revoked, now))));
  expect([...codes].filter((code) => typeof code !== "string")).toEqual([]);
  expect(verify(issuer.token(), issuer.trust, now).identity).toBe("bot:host-1.example.com");
});
