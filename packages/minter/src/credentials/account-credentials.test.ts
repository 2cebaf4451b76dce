import { describe, expect, it } from "vitest";
import { AccountCredentials, isDomainPattern } from "./account-credentials.js";
import { type CredentialBackend, CredentialRefused } from "./credential-backend.js";

const nowMs = Date.parse("2026-06-01T12:00:00.750Z");
const second = Math.floor(nowMs / 1000) * 1000;
const request = {
  account: "robot@example.com",
  delegates: [],
  caller: "user:alice@example.com",
  minValiditySeconds: 300,
  notAfterMs: undefined as number | undefined,
  audience: "x",
};

/** A backend whose tokens say what it is called. */
function backend(name: string, expiryMs = second + 3600_000): CredentialBackend {
  const mint = () => Promise.resolve({ token: name, expiryMs });
  return { accessToken: mint, idToken: mint };
}

const credentials = (otherwise: CredentialBackend, byDomain: Record<string, CredentialBackend> = {}) =>
  new AccountCredentials({ otherwise, byDomain: new Map(Object.entries(byDomain)), clock: () => nowMs });

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  const error = await call.catch((thrown: unknown) => thrown);
  return error instanceof CredentialRefused ? error.code : undefined;
}

describe("AccountCredentials", () => {
  it.each([
    ["a@example.com", "exact"],
    ["a@EXAMPLE.com", "exact"],
    ["a@sub.example.com", "otherwise"],
    ["a@p.iam.example.org", "below"],
    ["a@example.org", "otherwise"],
    ["a@evilexample.org", "otherwise"],
    ["a@exact.example.org", "exact"],
    ["example.com@b.c", "otherwise"],
  ])("asks for a token of %s from %s", async (account, name) => {
    const exact = backend("exact");
    const domains = { "example.com": exact, "*.example.org": backend("below"), "exact.example.org": exact };
    const { token } = await credentials(backend("otherwise"), domains).idToken({ ...request, account });
    expect(token).toBe(name);
  });

  it("hands out no token that is over too soon, and one that lives exactly as long as it must", async () => {
    const hour = credentials(backend("hour", second + 3600_000));
    expect((await hour.idToken({ ...request, minValiditySeconds: 3600 })).token).toBe("hour");
    const less = credentials(backend("less", second + 3600_000 - 1));
    expect(await codeOf(less.idToken({ ...request, minValiditySeconds: 3600 }))).toBe("TOO_SHORT");
    expect(await codeOf(credentials(backend("x", second)).accessToken({ ...request, scopes: [] }))).toBe("TOO_SHORT");
  });

  it("hands out no token that lives longer than it may", async () => {
    const hour = credentials(backend("hour"));
    expect((await hour.idToken({ ...request, notAfterMs: second + 3600_000 })).token).toBe("hour");
    expect(await codeOf(hour.idToken({ ...request, notAfterMs: second + 3599_999 }))).toBe("TOO_LONG");
  });

  it("asks nobody for what cannot live long enough", async () => {
    const never: CredentialBackend = { accessToken: () => expect.unreachable(), idToken: () => expect.unreachable() };
    expect(await codeOf(credentials(never).idToken({ ...request, notAfterMs: second + 299_000 }))).toBe("TOO_SHORT");
  });
});

describe("isDomainPattern", () => {
  it.each([
    ["example.com", true],
    ["*.example.com", true],
    ["Example.com", false],
    ["*", false],
    ["*.*.com", false],
    ["a*.com", false],
    [".example.com", false],
    ["", false],
  ])("of %j is %s", (text, expected) => expect(isDomainPattern(text)).toBe(expected));
});
