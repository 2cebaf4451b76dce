import { setImmediate as tick } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { ISSUED_AT, makeTokenIssuer, type TokenIssuer } from "../test/token-issuer.js";
import { type Authentication, authenticator, type AuthenticatorOptions, type Credentials } from "./authenticate.js";
import { TrustUnavailable } from "./errors.js";
import { fixedTrust, type TrustSource } from "./trust-source.js";

let older: TokenIssuer;
let newer: TokenIssuer;
beforeAll(async () => {
  older = await makeTokenIssuer();
  newer = await makeTokenIssuer();
});

const clock = () => (ISSUED_AT + 60) * 1000;
const host1 = "bot:host-1.example.com";

/** What the machines and services of these tests may do. */
const groups = (identity: string, group: string) =>
  ["auth-luci-services/bot:host-1.example.com", "backends/user:robot@example.com"].includes(`${group}/${identity}`);

const ask = (credentials: Credentials, options: Partial<AuthenticatorOptions> = {}) =>
  authenticator({ trust: fixedTrust(older.trust), clock, service: "service:files", groups, ...options })(credentials);

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

describe("a machine token", () => {
  it("says who the caller is", async () => {
    const caller = await ask({ machineTokens: [older.token()] });
    expect(caller).toMatchObject({ status: "confirmed", identity: host1, peer: host1, machine: { caId: 42n } });
  });

  it("is absent when there is none, and when it is empty", async () => {
    expect(await ask({})).toEqual({ status: "absent" });
    expect(await ask({ machineTokens: [], delegationTokens: [], projects: [] })).toEqual({ status: "absent" });
    expect(await ask({ machineTokens: [""], delegationTokens: [""], projects: [""] })).toEqual({ status: "absent" });
  });

  it.each<keyof Credentials>(["machineTokens", "delegationTokens", "projects"])(
    "is not looked at when there are two %s, though all are good",
    async (name) => {
      for (const two of [
        [older.token(), older.token()],
        ["", older.token()],
      ]) {
        const caller = await ask({ machineTokens: [older.token()], [name]: two });
        expect(caller).toMatchObject({ status: "invalid", error: { code: "DUPLICATE_HEADER" } });
      }
    },
  );

  it("goes before what else is known of the peer", async () => {
    const peer = "user:robot@example.com";
    expect(await ask({ machineTokens: [older.token()], peer })).toMatchObject({ peer: host1 });
    expect(await ask({ machineTokens: ["bad"], peer })).toMatchObject({ status: "invalid" });
    const known = await ask({ peer });
    expect(known).toEqual({ status: "confirmed", identity: peer, peer, machine: undefined });
  });

  it("with an unknown key makes the trust be fetched again, and gets a second chance", async () => {
    const trust = rotating();
    expect(await ask({ machineTokens: [newer.token()] }, { trust })).toMatchObject({ status: "confirmed" });
    expect(trust.refreshes).toBe(1);
  });

  it("that is bad in another way makes nothing be fetched", async () => {
    const trust = rotating();
    const late = await ask({ machineTokens: [older.token({ issuedAt: ISSUED_AT - 9000 })] }, { trust });
    expect(late).toMatchObject({ status: "invalid", error: { code: "EXPIRED" } });
    expect(trust.refreshes).toBe(0);
  });
});

describe("a delegation token", () => {
  it("says whom the caller acts as", async () => {
    const caller = await ask({ machineTokens: [older.token()], delegationTokens: [older.delegation()] });
    expect(caller).toMatchObject({
      status: "confirmed",
      identity: "user:alice@example.com",
      peer: host1,
      machine: { machineFqdn: "host-1.example.com" },
      delegation: { subtokenId: 77n },
    });
  });

  it("works for a peer that is no machine, by name or by group", async () => {
    const peer = "user:robot@example.com";
    expect(await ask({ peer, delegationTokens: [older.delegation()] })).toMatchObject({
      identity: "user:alice@example.com",
      peer,
    });
    expect(await ask({ peer: "user:eve@example.com", delegationTokens: [older.delegation()] })).toMatchObject({
      status: "invalid",
      error: { code: "WRONG_AUDIENCE" },
    });
  });

  it("works for an anonymous peer when it is for anybody", async () => {
    const forAnybody = older.delegation({ audience: ["*"] });
    expect(await ask({ delegationTokens: [forAnybody] })).toMatchObject({
      status: "confirmed",
      identity: "user:alice@example.com",
      peer: "anonymous:anonymous",
    });
    expect(await ask({ delegationTokens: [older.delegation()] })).toMatchObject({ status: "invalid" });
  });

  it("does not help a bad machine token", async () => {
    const forAnybody = older.delegation({ audience: ["*"] });
    const caller = await ask({ machineTokens: ["bad"], delegationTokens: [forAnybody] });
    expect(caller).toMatchObject({ status: "invalid", error: { code: "MALFORMED" } });
  });

  it("is refused, and not ignored, by a service without a name", async () => {
    const credentials = { machineTokens: [older.token()], delegationTokens: [older.delegation({ services: ["*"] })] };
    const { service: _none, ...nameless } = { service: "", trust: fixedTrust(older.trust), clock, groups };
    expect(await authenticator(nameless)(credentials)).toMatchObject({
      status: "invalid",
      error: { code: "WRONG_SERVICE" },
    });
  });

  it("with an unknown key gets a second chance too", async () => {
    const trust = rotating();
    const delegationTokens = [newer.delegation({ audience: ["*"] })];
    expect(await ask({ delegationTokens }, { trust })).toMatchObject({ status: "confirmed" });
    expect(trust.refreshes).toBe(1);
  });
});

describe("a project header", () => {
  it("makes the caller a project, for members of auth-luci-services alone", async () => {
    const projects = ["infra"];
    expect(await ask({ machineTokens: [older.token()], projects })).toMatchObject({
      status: "confirmed",
      identity: "project:infra",
      peer: host1,
    });
    for (const credentials of [
      { projects },
      { machineTokens: [older.token({ machineFqdn: "host-2.example.com" })], projects },
      { peer: "user:robot@example.com", projects },
    ]) {
      expect(await ask(credentials)).toMatchObject({ status: "invalid", error: { code: "PERMISSION_DENIED" } });
    }
  });

  it("must name a project", async () => {
    for (const name of ["Infra", "infra ", "a:b", "a/b"]) {
      const caller = await ask({ machineTokens: [older.token()], projects: [name] });
      expect(caller).toMatchObject({ status: "invalid", error: { code: "BAD_IDENTITY" } });
    }
  });

  it("is ignored beside a delegation token", async () => {
    const credentials = { machineTokens: [older.token()], delegationTokens: [older.delegation()], projects: ["infra"] };
    expect(await ask(credentials)).toMatchObject({ identity: "user:alice@example.com" });
    expect(await ask({ ...credentials, delegationTokens: ["bad"] })).toMatchObject({ status: "invalid" });
  });

  it("cannot be decided while groups cannot be looked up", async () => {
    const down = () => Promise.reject(new Error("down"));
    const caller = await ask({ machineTokens: [older.token()], projects: ["infra"] }, { groups: down });
    expect(caller).toMatchObject({ status: "unavailable", error: { code: "GROUPS_UNAVAILABLE" } });
  });
});

describe("authenticator", () => {
  it("says that nobody can tell when there is no trust", async () => {
    const down = () => Promise.reject(new TrustUnavailable("NEVER_FETCHED", "nothing yet"));
    const trust = { ...fixedTrust(older.trust), ready: down };
    const unavailable = { status: "unavailable", error: { code: "NEVER_FETCHED" } };
    expect(await ask({ machineTokens: [older.token()] }, { trust })).toMatchObject(unavailable);
    expect(await ask({ delegationTokens: [older.delegation()] }, { trust })).toMatchObject(unavailable);
    expect(await ask({}, { trust })).toEqual({ status: "absent" });
  });

  it("passes on what it does not know", async () => {
    const trust = { ...fixedTrust(older.trust), ready: () => Promise.reject(new RangeError("a bug")) };
    await expect(ask({ machineTokens: [older.token()] }, { trust })).rejects.toThrow(RangeError);
  });

  it("takes no peer that is not an identity", async () => {
    await expect(ask({ peer: "robot" })).rejects.toThrow(TypeError);
  });

  it("takes no service that is not one", () => {
    for (const service of ["files", "user:a@example.com", "service:", ""]) {
      expect(() => authenticator({ trust: fixedTrust(older.trust), service })).toThrow(TypeError);
    }
  });

  it("tells of each verdict after it is made, which nothing can change any more", async () => {
    const verdicts: Authentication[] = [];
    const options = { onVerdict: (verdict: Authentication) => void verdicts.push(verdict) };
    await ask({ machineTokens: [older.token()] }, options);
    await ask({ machineTokens: ["bad"] }, options);
    await ask({}, options);
    await tick();
    expect(verdicts).toMatchObject([
      { status: "confirmed", identity: host1 },
      { status: "invalid", error: { code: "MALFORMED" } },
      { status: "absent" },
    ]);
  });

  it("remembers good tokens as it is told", async () => {
    const authenticate = authenticator({ trust: fixedTrust(older.trust), clock, hashTokens: true });
    const token = older.token();
    const [first, second] = [
      await authenticate({ machineTokens: [token] }),
      await authenticate({ machineTokens: [token] }),
    ];
    expect(first.status === "confirmed" && second.status === "confirmed" && first.machine === second.machine).toBe(
      true,
    );
    const forgetful = authenticator({ trust: fixedTrust(older.trust), clock, cacheEntries: 0 });
    const again = [await forgetful({ machineTokens: [token] }), await forgetful({ machineTokens: [token] })];
    expect(new Set(again.map((each) => each.status === "confirmed" && each.machine)).size).toBe(2);
  });
});
