import { generateKeyPairSync } from "node:crypto";
import type { JWK } from "jose";
import { describe, expect, it } from "vitest";
import { Unavailable } from "../errors.js";
import { IssuerKeys } from "./issuer-keys.js";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });

/** Keys of an issuer that can be told what to answer, and a clock that can be moved. */
function issuerOf(...first: JWK[]) {
  const state = { keys: first as JWK[] | Error, fetches: 0, now: 1_000_000 };
  const keys = new IssuerKeys({
    issuer: "https://issuer.example.com",
    fetchKeys: async () => {
      state.fetches++;
      if (state.keys instanceof Error) throw state.keys;
      return { keys: state.keys };
    },
    clock: () => state.now,
  });
  return { state, keys };
}

const find = (finder: Awaited<ReturnType<IssuerKeys["current"]>>, kid: string, alg = "RS256") =>
  finder({ alg, kid }).then(
    () => "found",
    (error: { code: string }) => error.code,
  );

describe("IssuerKeys", () => {
  it("fetches when it is first asked, once for all who ask", async () => {
    const { state, keys } = issuerOf({ ...rsa, kid: "a" });
    expect(state.fetches).toBe(0);
    const [finder] = await Promise.all([keys.current(), keys.current(), keys.current()]);
    expect(await find(finder, "a")).toBe("found");
    expect(state.fetches).toBe(1);
  });

  it("fetches again after ten minutes, beside the calls and not in front of them", async () => {
    const { state, keys } = issuerOf({ ...rsa, kid: "a" });
    await keys.current();
    state.keys = [{ ...rsa, kid: "b" }];
    state.now += 600_000;
    await keys.current();
    expect(state.fetches).toBe(1);
    state.now += 1;
    expect(await find(await keys.current(), "a")).toBe("found");
    expect(state.fetches).toBe(2);
    await expect.poll(async () => find(await keys.current(), "a")).toBe("ERR_JWKS_NO_MATCHING_KEY");
  });

  it("tries again at most every 30 s while an issuer is down, and keeps the keys", async () => {
    const { state, keys } = issuerOf({ ...rsa, kid: "a" });
    await keys.current();
    state.keys = new Error("down");
    state.now += 600_001;
    for (let call = 0; call < 5; call++) expect(await find(await keys.current(), "a")).toBe("found");
    expect(state.fetches).toBe(2);
    state.now += 30_000;
    await keys.current();
    expect(state.fetches).toBe(3);
  });

  it("without keys, tries at most every second, and says why there are none", async () => {
    const { state, keys } = issuerOf();
    state.keys = new Error("connection refused");
    const error = await keys.current().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Unavailable);
    expect((error as Unavailable).detail).toContain("https://issuer.example.com cannot be fetched: connection refused");
    await expect(keys.current()).rejects.toThrow(Unavailable);
    expect(state.fetches).toBe(1);
    state.now += 1_000;
    state.keys = [{ ...rsa, kid: "a" }];
    expect(await find(await keys.current(), "a")).toBe("found");
  });

  it("is not made to flood an issuer by unknown key ids", async () => {
    const { state, keys } = issuerOf({ ...rsa, kid: "a" });
    await keys.current();
    state.now += 30_000;
    for (let call = 0; call < 10_000; call++) await keys.refreshed();
    expect(state.fetches).toBe(2);
    state.keys = new Error("down");
    state.now += 30_000;
    await expect(keys.refreshed()).rejects.toThrow(Unavailable);
    await expect(keys.refreshed()).rejects.toThrow(Unavailable);
    expect(state.fetches).toBe(3);
    expect(await find(await keys.current(), "a")).toBe("found");
  });

  it.each([
    ["a good RSA key", { ...rsa, kid: "a" }, "RS256", "found"],
    ["a good elliptic key", { ...ec, kid: "a" }, "ES256", "found"],
    ["an RSA key with exponent 1", { ...rsa, kid: "a", e: "AQ" }, "RS256", "ERR_JWKS_NO_MATCHING_KEY"],
    ["an RSA key with exponent 3", { ...rsa, kid: "a", e: "Aw" }, "RS256", "ERR_JWKS_NO_MATCHING_KEY"],
    ["an RSA key with an even exponent", { ...rsa, kid: "a", e: "AQAC" }, "RS256", "ERR_JWKS_NO_MATCHING_KEY"],
    ["an RSA key without exponent", { kty: "RSA", n: rsa.n ?? "", kid: "a" }, "RS256", "ERR_JWKS_NO_MATCHING_KEY"],
    ["a shared secret", { kty: "oct", k: "AAAA", kid: "a" }, "HS256", "ERR_JOSE_NOT_SUPPORTED"],
    ["a key for encryption", { ...rsa, kid: "a", use: "enc" }, "RS256", "ERR_JWKS_NO_MATCHING_KEY"],
  ])("uses good keys alone: %s", async (_, jwk, alg, result) => {
    expect(await find(await issuerOf(jwk).keys.current(), "a", alg)).toBe(result);
  });
});
