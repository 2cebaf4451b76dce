import { createLocalJWKSet, decodeProtectedHeader, exportJWK, jwtVerify } from "jose";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Unavailable } from "../errors.js";
import { localSigner } from "../keys/local-signer.js";
import { builtInIssuer } from "./built-in-issuer.js";
import { credentialContract } from "./contract/credential-contract.js";
import { CredentialRefused } from "./credential-backend.js";

const issuer = "https://tokens.example.com";
const account = "robot@accounts.example.com";
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const signer = localSigner(privateKey, "", "the-key");
const nowMs = Date.parse("2026-06-01T12:00:00.750Z");
const clock = () => nowMs;
const currentDate = new Date(nowMs);
const request = {
  account,
  delegates: [],
  caller: "user:alice@example.com",
  minValiditySeconds: 300,
  notAfterMs: undefined,
};

const open = (changes: object = {}) => builtInIssuer({ issuer: () => issuer, signer: () => signer, clock, ...changes });

async function keys() {
  const jwk = { ...(await exportJWK(createPublicKey(privateKey))), kid: "the-key", alg: "RS256", use: "sig" };
  return createLocalJWKSet({ keys: [jwk] });
}

describe("builtInIssuer", () => {
  it.each(credentialContract)("$name", async ({ run }) => {
    let isDown = false;
    const unknown = () => {
      if (isDown) throw new Unavailable("no key");
      return signer;
    };
    const shortens = { access: true, id: true };
    const backend = open({ signer: unknown });
    const delegates = ["lab@accounts.example.com"];
    await run({ backend, account, delegates, shortens, breakDown: () => (isDown = true), Unavailable, clock });
  });

  it("makes access tokens as RFC 9068 has them", async () => {
    const { token, expiryMs } = await open().accessToken({ ...request, scopes: ["a", "b"] });
    expect(decodeProtectedHeader(token)).toEqual({ alg: "RS256", typ: "at+jwt", kid: "the-key" });
    const { payload } = await jwtVerify(token, await keys(), { issuer, audience: issuer, typ: "at+jwt", currentDate });
    expect(payload).toEqual({
      iss: issuer,
      sub: account,
      aud: issuer,
      client_id: "user:alice@example.com",
      scope: "a b",
      iat: Math.floor(nowMs / 1000),
      exp: Math.floor(nowMs / 1000) + 3600,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
    expect(expiryMs).toBe(Number(payload.exp) * 1000);
  });

  it("makes each access token another one, for the audience that is set", async () => {
    const backend = open({ accessTokenAudience: "https://api.example.com" });
    const tokens = await Promise.all([1, 2].map(() => backend.accessToken({ ...request, scopes: ["a"] })));
    const options = { issuer, audience: "https://api.example.com", currentDate };
    const ids = await Promise.all(
      tokens.map(async ({ token }) => (await jwtVerify(token, await keys(), options)).payload.jti),
    );
    expect(new Set(ids).size).toBe(2);
  });

  it("makes ID tokens as OpenID Connect has them", async () => {
    const { token } = await open().idToken({ ...request, audience: "sts.amazonaws.com" });
    expect(decodeProtectedHeader(token)).toEqual({ alg: "RS256", typ: "JWT", kid: "the-key" });
    const options = { issuer, audience: "sts.amazonaws.com", subject: account, currentDate };
    const { payload } = await jwtVerify(token, await keys(), options);
    expect(payload).toMatchObject({ email: account, email_verified: true });
    expect(Object.keys(payload).sort()).toEqual(["aud", "email", "email_verified", "exp", "iat", "iss", "sub"]);
  });

  it("names the accounts by which it was asked, the last outermost", async () => {
    const { token } = await open().idToken({ ...request, delegates: ["a@x.y", "b@x.y"], audience: "x" });
    const { payload } = await jwtVerify(token, await keys(), { currentDate });
    expect(payload["act"]).toEqual({ sub: "b@x.y", act: { sub: "a@x.y" } });
  });

  it.each(["", "two words", 'a"b', "a\\b", "ä", "a\n"])("makes no token with the scope %j", async (scope) => {
    await expect(open().accessToken({ ...request, scopes: [scope] })).rejects.toThrow(CredentialRefused);
  });

  it("ends a token in the very second in which it must be over", async () => {
    const notAfterMs = nowMs + 10_999;
    const { expiryMs } = await open().idToken({ ...request, audience: "x", notAfterMs });
    expect(expiryMs).toBe(Math.floor(notAfterMs / 1000) * 1000);
  });
});
