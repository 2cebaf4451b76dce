import { beforeAll, describe, expect, it } from "vitest";
import { ISSUED_AT, makeTokenIssuer, type TokenIssuer } from "../test/token-issuer.js";
import { authenticate } from "./authenticate.js";
import { TrustUnavailable } from "./errors.js";
import { fixedTrust, type TrustSource } from "./trust-source.js";

let older: TokenIssuer;
let newer: TokenIssuer;
beforeAll(async () => {
  older = await makeTokenIssuer();
  newer = await makeTokenIssuer();
});

const clock = () => (ISSUED_AT + 60) * 1000;

/** A source that knows the newer key only after it was asked to refresh. */
function rotating(): TrustSource & { refreshes: number } {
  const source = {
    refreshes: 0,
    current: () => older.trust,
    ready: () => Promise.resolve(source.refreshes > 0 ? newer.trust : older.trust),
    refresh: () => {
      source.refreshes++;
      return source.ready();
    },
    close: () => undefined,
  };
  return source;
}

describe("authenticate", () => {
  it("confirms a good token", async () => {
    const result = await authenticate([older.token()], { trust: fixedTrust(older.trust), clock });
    expect(result).toMatchObject({ status: "confirmed", machine: { identity: "bot:host-1.example.com" } });
  });

  it("takes no token, and an empty one, as absent", async () => {
    expect(await authenticate([], { trust: fixedTrust(older.trust), clock })).toEqual({ status: "absent" });
    expect(await authenticate([""], { trust: fixedTrust(older.trust), clock })).toEqual({ status: "absent" });
  });

  it("refuses two headers, though both are good", async () => {
    const tokens = [older.token(), older.token()];
    const result = await authenticate(tokens, { trust: fixedTrust(older.trust), clock });
    expect(result).toMatchObject({ status: "invalid", error: { code: "DUPLICATE_HEADER" } });
    expect(await authenticate(["", older.token()], { trust: fixedTrust(older.trust), clock })).toMatchObject({
      status: "invalid",
    });
  });

  it("asks for new trust when the key is unknown, and gives the token a second chance", async () => {
    const trust = rotating();
    expect(await authenticate([newer.token()], { trust, clock })).toMatchObject({ status: "confirmed" });
    expect(trust.refreshes).toBe(1);
  });

  it("asks for nothing when the token is bad in another way", async () => {
    const trust = rotating();
    const late = await authenticate([older.token({ issuedAt: ISSUED_AT - 9000 })], { trust, clock });
    expect(late).toMatchObject({ status: "invalid", error: { code: "EXPIRED" } });
    expect(trust.refreshes).toBe(0);
  });

  it("says that nobody can tell when there is no trust", async () => {
    const down = () => Promise.reject(new TrustUnavailable("NEVER_FETCHED", "nothing yet"));
    const trust = { ...fixedTrust(older.trust), ready: down };
    expect(await authenticate([older.token()], { trust, clock })).toMatchObject({
      status: "unavailable",
      error: { code: "NEVER_FETCHED" },
    });
  });

  it("passes on what it does not know", async () => {
    const trust = { ...fixedTrust(older.trust), ready: () => Promise.reject(new RangeError("a bug")) };
    await expect(authenticate([older.token()], { trust, clock })).rejects.toThrow(RangeError);
  });
});
