import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import {
  type MintDelegationTokenRequest,
  MintDelegationTokenResponseSchema,
  Subtoken_Kind,
  TokenMinter,
} from "@tokens/api";
import { describe, expect, it } from "vitest";
import { DelegationTokens } from "./delegation-tokens.js";
import { TokenClient } from "./token-client.js";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const request = { identity: "user:a@example.com", audience: ["REQUESTOR"], services: ["service:s"] };

/** A token server behind a transport without a network, and a keeper whose clocks stand still until they are moved. */
function start() {
  const now = { wallMs: 1_800_000_000_000, monotonicMs: 5_000 };
  const asked: MintDelegationTokenRequest[] = [];
  const server = { code: undefined as Code | undefined, kind: Subtoken_Kind.BEARER_DELEGATION_TOKEN, onCall: () => {} };
  const transport = createRouterTransport(({ rpc }) =>
    rpc(TokenMinter.method.mintDelegationToken, (message) => {
      asked.push(message);
      server.onCall();
      if (server.code !== undefined) throw new ConnectError("words", server.code);
      const { delegatedIdentity, validityDuration } = message;
      const delegationSubtoken = {
        kind: server.kind,
        delegatedIdentity,
        validityDuration: Number(validityDuration),
      };
      return { token: `token-${asked.length}`, delegationSubtoken };
    }),
  );
  const client = new TokenClient(transport);
  const tokens = new DelegationTokens({
    mint: (message) => client.mintDelegationToken(message, { attempts: 1 }),
    clock: () => ({ ...now }),
    random: () => 0.5,
  });
  const pass = (ms: number) => {
    now.wallMs += ms;
    now.monotonicMs += ms;
  };
  const ask = async (change: object = {}) => (await tokens.delegate({ ...request, ...change })).token;
  return { now, asked, server, tokens, pass, ask };
}

describe("DelegationTokens", () => {
  it("mints once for all who ask for the same at once, and keeps the token", async () => {
    const { now, asked, tokens, ask } = start();
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(Array(3).fill("token-1"));
    expect(await tokens.delegate(request)).toEqual({ token: "token-1", expiryMs: now.wallMs + 3 * HOUR });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ delegatedIdentity: request.identity, validityDuration: 10_800n });
  });

  it("mints for each request of its own", async () => {
    const { ask } = start();
    const changes = [{}, { identity: "user:b@example.com" }, { services: ["*"] }, { tags: ["k:v"] }, { intent: "why" }];
    const tokens = await Promise.all(changes.map((change) => ask(change)));
    expect(new Set(tokens).size).toBe(changes.length);
  });

  it("refreshes beside its users from about half of the token's life on", async () => {
    const { asked, pass, ask } = start();
    await ask();
    pass(80 * MINUTE);
    expect([await ask(), asked.length]).toEqual(["token-1", 1]);
    pass(11 * MINUTE);
    expect(await ask()).toBe("token-1");
    await expect.poll(() => ask(), { timeout: 20_000 }).toBe("token-2");
    expect(asked).toHaveLength(2);
  });

  it("waits for a token that lasts as long as is asked for", async () => {
    const { pass, ask } = start();
    await ask();
    pass(HOUR);
    expect(await ask({ minTtlSeconds: 2 * 3600 - 1 })).toBe("token-1");
    expect(await ask({ minTtlSeconds: 2 * 3600 + 1 })).toBe("token-2");
    expect(await ask({ minTtlSeconds: 3 * 3600 })).toBe("token-3");
  });

  it("hands out the token that there is while the server is away, but none with too little life", async () => {
    const { server, pass, ask } = start();
    await ask();
    server.code = Code.Unavailable;
    for (let minute = 0; minute < 169; minute++) {
      pass(MINUTE);
      expect(await ask()).toBe("token-1");
    }
    pass(2 * MINUTE);
    await expect(ask()).rejects.toMatchObject({ name: "MintError", code: "UNAVAILABLE" });
    server.code = undefined;
    pass(2 * MINUTE);
    expect(await ask()).not.toBe("token-1");
  });

  it("pauses after a failure, and says it again meanwhile", async () => {
    const { asked, server, pass, ask } = start();
    server.code = Code.PermissionDenied;
    await expect(ask()).rejects.toMatchObject({ code: "REFUSED", grpcCode: Code.PermissionDenied });
    server.code = undefined;
    await expect(ask()).rejects.toMatchObject({ code: "REFUSED" });
    expect(asked).toHaveLength(1);
    pass(3 * MINUTE);
    expect(await ask()).toBe("token-2");
  });

  it("refuses an answer that does not fit", async () => {
    const { server, ask } = start();
    server.kind = Subtoken_Kind.UNKNOWN_KIND;
    await expect(ask()).rejects.toMatchObject({ code: "BAD_RESPONSE" });
  });

  it("sends nothing for a request that cannot be sent", async () => {
    const { asked, ask } = start();
    await expect(ask({ audience: [] })).rejects.toMatchObject({ code: "REFUSED" });
    expect(asked).toEqual([]);
  });

  it("never hands out a token that was over before it arrived", async () => {
    const { server, pass, ask } = start();
    server.onCall = () => pass(2 * MINUTE);
    await expect(ask({ validitySeconds: 60 })).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it.each([
    ["the wall clock", "wallMs"],
    ["the monotonic clock", "monotonicMs"],
  ] as const)("mints anew when %s says that a token is over", async (_, name) => {
    const { now, ask } = start();
    await ask();
    now[name] += 3 * HOUR;
    expect(await ask()).toBe("token-2");
  });

  it("keeps the thousand that were used last", async () => {
    let calls = 0;
    const delegationSubtoken = { kind: 1, delegatedIdentity: request.identity, validityDuration: 10_800 };
    const mint = () =>
      Promise.resolve(create(MintDelegationTokenResponseSchema, { token: `token-${++calls}`, delegationSubtoken }));
    const tokens = new DelegationTokens({ mint });
    const ask = async (intent: string) => (await tokens.delegate({ ...request, intent })).token;
    for (let index = 0; index <= 1000; index++) {
      await ask("often");
      await ask(String(index));
    }
    expect([await ask("often"), await ask("1000"), calls]).toEqual(["token-1", "token-1002", 1002]);
    expect(await ask("0")).toBe("token-1003");
  });
});
