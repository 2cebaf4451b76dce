import { sign } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { ISSUED_AT, makeTokenIssuer, SUBTOKEN, type TokenIssuer } from "../test/token-issuer.js";
import { delegationTokenVerifier } from "./delegation-token-verifier.js";
import { encodeDelegationToken, encodeSubtoken } from "./delegation-token.js";
import { TokenRejected } from "./errors.js";
import { encodeMachineTokenBody, tokenFingerprint } from "./machine-token.js";
import { Revocations } from "./revocations.js";
import type { Trust } from "./trust.js";
import { verifyDelegationToken, type VerifyDelegationOptions } from "./verify-delegation-token.js";

let issuer: TokenIssuer;
let stranger: TokenIssuer;
beforeAll(async () => {
  issuer = await makeTokenIssuer();
  stranger = await makeTokenIssuer();
});

const members = (identity: string, group: string) => `${group}/${identity}` === "backends/bot:host-2.example.com";
const good = { now: ISSUED_AT + 60, service: "service:files", peer: "bot:host-1.example.com", groups: members };

/** The verdicts with a cache and without one, which must be the same; the code of a refusal. */
async function verdict(token: string, changes: Partial<VerifyDelegationOptions> = {}, trust: Trust = issuer.trust) {
  const options = { ...good, ...changes };
  const remembering = delegationTokenVerifier(options);
  const ask = () => remembering(token, trust, options.now, options);
  const [uncached, ...cached] = await Promise.all(
    [verifyDelegationToken(token, trust, options), ask(), ask()].map((answer) =>
      answer.then(
        () => "accepted",
        (error: unknown) => {
          if (error instanceof Error && "code" in error) return error.code;
          throw error;
        },
      ),
    ),
  );
  expect(cached).toEqual([uncached, uncached]);
  return uncached;
}

describe("verifyDelegationToken", () => {
  it("tells whom the bearer acts as, and lets nobody change it", async () => {
    const delegation = await verifyDelegationToken(issuer.delegation(), issuer.trust, good);
    expect(delegation).toEqual({
      delegatedIdentity: "user:alice@example.com",
      requestorIdentity: "user:robot@example.com",
      subtokenId: 77n,
      audience: SUBTOKEN.audience,
      services: SUBTOKEN.services,
      tags: ["k:v"],
      issuedAt: ISSUED_AT,
      expiresAt: ISSUED_AT + 3600,
    });
    expect([delegation, delegation.audience, delegation.services, delegation.tags].every(Object.isFrozen)).toBe(true);
  });

  it.each<[string, Partial<VerifyDelegationOptions>, string]>([
    ["a peer in the audience", {}, "accepted"],
    ["a peer in a group of the audience", { peer: "bot:host-2.example.com" }, "accepted"],
    ["another peer", { peer: "bot:host-3.example.com" }, "WRONG_AUDIENCE"],
    ["a peer in other letters", { peer: "bot:HOST-1.example.com" }, "WRONG_AUDIENCE"],
    [
      "a peer in a group, when nobody knows groups",
      { peer: "bot:host-2.example.com", groups: undefined },
      "WRONG_AUDIENCE",
    ],
    ["an anonymous peer", { peer: "anonymous:anonymous" }, "WRONG_AUDIENCE"],
    ["another service", { service: "service:other" }, "WRONG_SERVICE"],
    ["no service", { service: undefined }, "WRONG_SERVICE"],
  ])("looks at who sends it and where: %s", async (_name, context, expected) => {
    expect(await verdict(issuer.delegation(), context)).toBe(expected);
  });

  it("cannot tell when a group that decides cannot be looked up, and asks for none that does not", async () => {
    const asked: string[] = [];
    const groups = (_identity: string, group: string): boolean => {
      asked.push(group);
      throw new Error("the directory is down");
    };
    expect(await verdict(issuer.delegation(), { groups, peer: "bot:host-2.example.com" })).toBe("GROUPS_UNAVAILABLE");
    expect(
      await verdict(issuer.delegation(), {
        groups: () => Promise.reject(new Error("down")),
        peer: "user:x@example.com",
      }),
    ).toBe("GROUPS_UNAVAILABLE");
    asked.length = 0;
    expect(await verdict(issuer.delegation(), { groups })).toBe("accepted");
    expect(
      await verdict(issuer.delegation({ audience: ["*", "group:backends"] }), { groups, peer: "user:x@example.com" }),
    ).toBe("accepted");
    expect(await verdict(issuer.delegation({ audience: ["user:a@example.com"] }), { groups })).toBe("WRONG_AUDIENCE");
    expect(asked).toEqual([]);
  });

  it("takes no peer that is not an identity: it could pass for a group", async () => {
    for (const peer of ["group:backends", "*", "", "host-1.example.com"]) {
      const asking = verifyDelegationToken(issuer.delegation({ audience: ["*", "group:backends"] }), issuer.trust, {
        ...good,
        peer,
      });
      await expect(asking).rejects.toThrow(TypeError);
    }
  });

  it("takes only `true` for a membership", async () => {
    const groups = (() => "yes") as unknown as () => boolean;
    expect(await verdict(issuer.delegation(), { groups, peer: "bot:host-2.example.com" })).toBe("WRONG_AUDIENCE");
  });

  it.each<[string, string, () => string]>([
    ["a stranger's token", "UNKNOWN_KEY", () => stranger.delegation()],
    ["kind 0", "WRONG_KIND", () => issuer.delegation({ kind: 0 })],
    ["kind 2", "WRONG_KIND", () => issuer.delegation({ kind: 2 })],
    ["no creation time", "MALFORMED", () => issuer.delegation({ creationTime: 0 })],
    ["no duration", "MALFORMED", () => issuer.delegation({ validityDuration: 0 })],
    ["a life of more than a day", "MALFORMED", () => issuer.delegation({ validityDuration: 86_401 })],
    ["no audience", "WRONG_AUDIENCE", () => issuer.delegation({ audience: [] })],
    ["no services", "WRONG_SERVICE", () => issuer.delegation({ services: [] })],
    ["nobody who is delegated", "BAD_IDENTITY", () => issuer.delegation({ delegatedIdentity: "" })],
    ["something that is no identity", "BAD_IDENTITY", () => issuer.delegation({ delegatedIdentity: "alice" })],
    ["signed garbage", "MALFORMED", () => issuer.delegationOf(Buffer.from("garbage"))],
    ["the body of a machine token", "MALFORMED", () => issuer.delegationOf(encodeMachineTokenBody(issuer.body()))],
    ["nothing", "UNKNOWN_ISSUER", () => ""],
  ])("refuses %s", async (_name, code, token) => {
    expect(await verdict(token())).toBe(code);
  });

  it.each([
    ["minter@example.com", "UNKNOWN_ISSUER"],
    ["service:minter@example.com", "UNKNOWN_ISSUER"],
    ["user:MINTER@example.com", "UNKNOWN_ISSUER"],
    ["user:other@example.com", "UNKNOWN_ISSUER"],
    ["user:", "UNKNOWN_ISSUER"],
    ["evil:minter@example.com", "UNKNOWN_ISSUER"],
    ["bot:xminter@example.com", "UNKNOWN_ISSUER"],
    ["user:minter@example.com", "accepted"],
  ])("takes the signer %s: %s", async (signerId, expected) => {
    const serializedSubtoken = encodeSubtoken(SUBTOKEN);
    const pkcs1Sha256Sig = sign("sha256", serializedSubtoken, issuer.privateKey);
    const token = encodeDelegationToken({ signerId, signingKeyId: issuer.keyId, pkcs1Sha256Sig, serializedSubtoken });
    expect(await verdict(token)).toBe(expected);
  });

  it("counts nowhere at a service that has no name, even where it counts everywhere", async () => {
    const token = issuer.delegation({ services: ["*"] });
    expect([await verdict(token), await verdict(token, { service: undefined })]).toEqual(["accepted", "WRONG_SERVICE"]);
    const words = async (services: string[], service: string | undefined) =>
      verifyDelegationToken(issuer.delegation({ services }), issuer.trust, { ...good, service }).catch(String);
    expect(await words(["*"], undefined)).toContain("takes no delegation tokens");
    expect(await words(["service:other"], good.service)).toContain("for other services");
  });

  it("may live for as long as the service takes tokens to live, a day if it does not say", async () => {
    expect(await verdict(issuer.delegation({ validityDuration: 86_400 }))).toBe("accepted");
    expect(await verdict(issuer.delegation({ validityDuration: 600 }), { maxLifetimeSeconds: 600 })).toBe("accepted");
    expect(await verdict(issuer.delegation({ validityDuration: 601 }), { maxLifetimeSeconds: 600 })).toBe("MALFORMED");
  });

  it.each([
    [-30, "NOT_YET_VALID"],
    [-29.001, "NOT_YET_VALID"],
    [-29, "accepted"],
    [3600, "accepted"],
    [3600.999, "accepted"],
    [3601, "EXPIRED"],
    [Number.NaN, "NOT_YET_VALID"],
  ])("compares whole seconds, with drift at the beginning alone: %d s after the mint", async (after, expected) => {
    expect(await verdict(issuer.delegation(), { now: ISSUED_AT + after })).toBe(expected);
  });

  it("refuses a token that is revoked, however it is written", async () => {
    const token = issuer.delegation();
    const revocations = new Revocations([
      { subject: { kind: "token", fingerprint: tokenFingerprint(token) }, until: Number.POSITIVE_INFINITY },
    ]);
    expect(await verdict(token, {}, { ...issuer.trust, revocations })).toBe("REVOKED");
    const untilNow = new Revocations([
      { subject: { kind: "token", fingerprint: tokenFingerprint(token) }, until: good.now },
    ]);
    expect(await verdict(token, {}, { ...issuer.trust, revocations: untilNow })).toBe("accepted");
    expect(await verdict(`${token}=`, {}, { ...issuer.trust, revocations })).toBe("MALFORMED");
    expect(await verdict(issuer.delegation({ subtokenId: 78n }), {}, { ...issuer.trust, revocations })).toBe(
      "accepted",
    );
  });

  it("refuses a remembered token once its key is gone or it is revoked", async () => {
    const verify = delegationTokenVerifier();
    const token = issuer.delegation();
    await verify(token, issuer.trust, good.now, good);
    const without = { ...issuer.trust, issuers: new Map([["minter@example.com", new Map()]]) };
    await expect(verify(token, without, good.now, good)).rejects.toThrow(
      expect.objectContaining({ code: "UNKNOWN_KEY" }) as Error,
    );
    const revocations = new Revocations([
      { subject: { kind: "token", fingerprint: tokenFingerprint(token) }, until: good.now + 1 },
    ]);
    await expect(verify(token, { ...issuer.trust, revocations }, good.now, good)).rejects.toThrow(TokenRejected);
  });

  it("is remembered only for the time in which it would be taken anew", async () => {
    const token = issuer.delegation();
    const revocations = new Revocations([
      { subject: { kind: "token", fingerprint: tokenFingerprint(token) }, until: ISSUED_AT + 100 },
    ]);
    const remembered = async (trust: Trust, after: number) => {
      const verify = delegationTokenVerifier();
      await verify(token, trust, ISSUED_AT + 200, good);
      return verify(token, trust, ISSUED_AT + after, good).then(
        () => "accepted",
        ({ code }: TokenRejected) => code,
      );
    };
    expect(await remembered(issuer.trust, -29)).toBe("accepted");
    expect(await remembered(issuer.trust, -30)).toBe("NOT_YET_VALID");
    expect(await remembered({ ...issuer.trust, revocations }, 100)).toBe("accepted");
    expect(await remembered({ ...issuer.trust, revocations }, 99)).toBe("REVOKED");
  });

  it("is another kind than a machine token: neither verifier takes the other's", async () => {
    expect(await verdict(issuer.token())).toBe("MALFORMED");
  });

  it("never puts the token into its message", async () => {
    const token = stranger.delegation();
    await expect(verifyDelegationToken(token, issuer.trust, good)).rejects.toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(token.slice(0, 12)) as unknown }) as Error,
    );
  });
});
