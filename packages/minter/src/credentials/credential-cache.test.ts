import { beforeEach, describe, expect, it } from "vitest";
import type { Credential, CredentialBackend } from "./credential-backend.js";
import { cachedCredentials } from "./credential-cache.js";

let nowMs: number;
let made: number;
let answer: () => Promise<Credential>;
beforeEach(() => {
  nowMs = 1_000_000_000;
  made = 0;
  answer = () => Promise.resolve({ token: `t${++made}`, expiryMs: nowMs + 3600_000 });
});

const backend: CredentialBackend = { accessToken: () => answer(), idToken: () => answer() };
const cache = (max?: number) => cachedCredentials(backend, () => nowMs, max);
const base = {
  account: "robot@example.com",
  delegates: [] as string[],
  caller: "user:a@x.y",
  minValiditySeconds: 300,
  notAfterMs: undefined as number | undefined,
};
const access = { ...base, scopes: ["a", "b"] };
const id = { ...base, audience: "x" };

describe("cachedCredentials", () => {
  it("hands a token out again, to other callers too", async () => {
    const credentials = cache();
    expect((await credentials.accessToken(access)).token).toBe("t1");
    expect((await credentials.accessToken({ ...access, caller: "user:b@x.y" })).token).toBe("t1");
    expect((await credentials.idToken(id)).token).toBe("t2");
    expect((await credentials.idToken(id)).token).toBe("t2");
  });

  it.each([
    ["another account", { account: "other@example.com" }],
    ["other scopes", { scopes: ["a"] }],
    ["the same scopes as one text", { scopes: ['a","b'] }],
    ["a delegate", { delegates: ["d@x.y"] }],
    ["delegates in another order", { delegates: ["e@x.y", "d@x.y"] }],
    ["delegates and scopes that read the same together", { delegates: ["d@x.y", "e@x.y", "a"], scopes: ["b"] }],
  ])("takes no token for %s", async (_, changes) => {
    const credentials = cache();
    await credentials.accessToken(access);
    await credentials.accessToken({ ...access, delegates: ["d@x.y", "e@x.y"] });
    expect((await credentials.accessToken({ ...access, ...changes })).token).toBe("t3");
  });

  it("takes an access token for no ID token, whatever the names", async () => {
    const credentials = cache();
    await credentials.accessToken({ ...base, scopes: ["x"] });
    expect((await credentials.idToken(id)).token).toBe("t2");
  });

  it("hands out only what lives longer than it must", async () => {
    const credentials = cache();
    await credentials.accessToken(access);
    nowMs += 3300_000 - 1;
    expect((await credentials.accessToken(access)).token).toBe("t1");
    nowMs += 1;
    expect((await credentials.accessToken({ ...access, minValiditySeconds: 200 })).token).toBe("t1");
    expect((await credentials.accessToken(access)).token).toBe("t2");
    expect((await credentials.accessToken({ ...access, minValiditySeconds: 3600 })).token).toBe("t3");
  });

  it("makes one token for all who ask at once, and another after a failure", async () => {
    const credentials = cache();
    let fail: (error: Error) => void = () => undefined;
    answer = () => new Promise((_, reject) => (fail = reject));
    const calls = [1, 2, 3].map(() => credentials.idToken(id));
    fail(new Error("down"));
    const results = await Promise.allSettled(calls);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    answer = () => Promise.resolve({ token: `t${++made}`, expiryMs: nowMs + 3600_000 });
    const tokens = await Promise.all([1, 2, 3].map(() => credentials.idToken(id)));
    expect(new Set(tokens.map(({ token }) => token))).toEqual(new Set(["t1"]));
  });

  it("keeps a token that had to end early for nobody", async () => {
    const credentials = cache();
    const early = { ...access, notAfterMs: nowMs + 400_000 };
    expect((await credentials.accessToken(early)).token).toBe("t1");
    expect((await credentials.accessToken(access)).token).toBe("t2");
    expect((await credentials.accessToken({ ...early, notAfterMs: nowMs + 3600_000 })).token).toBe("t2");
    expect((await credentials.accessToken(early)).token).toBe("t3");
  });

  it("keeps no token that is too long", async () => {
    const credentials = cache();
    answer = () => Promise.resolve({ token: `${"t".repeat(8192)}${++made}`, expiryMs: nowMs + 3600_000 });
    const { token } = await credentials.idToken(id);
    expect((await credentials.idToken(id)).token).not.toBe(token);
  });

  it("forgets what was not used for longest", async () => {
    const credentials = cache(2);
    const of = async (audience: string) => (await credentials.idToken({ ...id, audience })).token;
    expect([await of("x"), await of("y"), await of("x"), await of("z")]).toEqual(["t1", "t2", "t1", "t3"]);
    expect([await of("x"), await of("y")]).toEqual(["t1", "t4"]);
  });
});
