import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { checkAccountAccess, checkAccountId, checkProjectAccess, readAccountToken } from "./account-exchange.js";
import { MintError } from "./errors.js";

const use = { account: "robot@example.com", realm: "lab:ci" };

describe("requests for tokens of accounts", () => {
  it("have the same key whatever the order of their lists", () => {
    const one = checkAccountAccess({ ...use, scopes: ["b", "a"], tags: ["y:1", "x:1"] });
    const other = checkAccountAccess({ ...use, scopes: ["a", "b", "a"], tags: ["x:1", "y:1"] });
    expect(other.key).toBe(one.key);
    expect(one.message).toMatchObject({ oauthScope: ["a", "b"], auditTags: ["x:1", "y:1"] });
  });

  it("have other keys for other kinds of tokens", () => {
    const id = checkAccountId({ ...use, audience: "a" }).key;
    expect(checkAccountAccess({ ...use, scopes: ["a"] }).key).not.toBe(id);
    expect(checkProjectAccess({ project: "lab", scopes: ["a"] }).key).not.toBe(id);
  });

  it.each([
    [600, 900n, 900n],
    [1700, 2000n, 1800n],
    [1800, 2100n, 1800n],
  ])("ask for some more life than %d s, as far as the server lets them", (minTtlSeconds, account, project) => {
    const { message } = checkAccountId({ ...use, audience: "a", minTtlSeconds });
    expect(message.minValidityDuration).toBe(account);
    const access = checkProjectAccess({ project: "lab", scopes: ["a"], minTtlSeconds });
    expect(access.message.minValidityDuration).toBe(project);
  });

  it.each([29, 1801, 60.5, Number.NaN])("cannot ask for %d s", (minTtlSeconds) => {
    expect(() => checkProjectAccess({ project: "lab", scopes: ["a"], minTtlSeconds })).toThrow(MintError);
  });
});

describe("readAccountToken", () => {
  it("reads a token and when it is over", () => {
    expect(readAccountToken("t", timestampFromMs(5_000))).toEqual({ token: "t", expiryMs: 5_000 });
  });

  it("takes no answer without one of them", () => {
    expect(() => readAccountToken("", timestampFromMs(5_000))).toThrow(/no token/);
    expect(() => readAccountToken("t", undefined)).toThrow(/when its token expires/);
  });
});
