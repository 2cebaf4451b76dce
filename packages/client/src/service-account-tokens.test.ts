import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { type MintServiceAccountTokenRequest, ServiceAccountTokenKind, TokenMinter } from "@tokens/api";
import { describe, expect, it } from "vitest";
import { ServiceAccountTokens } from "./service-account-tokens.js";
import { TokenClient } from "./token-client.js";

const MINUTE = 60_000;
const use = { account: "robot@example.com", realm: "lab:ci" };
const access = { ...use, scopes: ["b", "a", "b"] };
const id = { ...use, audience: "https://example.com" };

/** A token server behind a transport without a network, and a keeper whose clocks stand still until they are moved. */
function start() {
  const now = { wallMs: 1_800_000_000_000, monotonicMs: 5_000 };
  const asked: MintServiceAccountTokenRequest[] = [];
  const server = { code: undefined as Code | undefined, lifeMs: (60 * MINUTE) as number | undefined, token: "token" };
  const transport = createRouterTransport(({ rpc }) =>
    rpc(TokenMinter.method.mintServiceAccountToken, (message) => {
      asked.push(message);
      if (server.code !== undefined) throw new ConnectError("words", server.code);
      const token = server.token === "" ? "" : `${server.token}-${asked.length}`;
      return server.lifeMs === undefined ? { token } : { token, expiry: timestampFromMs(now.wallMs + server.lifeMs) };
    }),
  );
  const client = new TokenClient(transport);
  const tokens = new ServiceAccountTokens({
    mint: (message) => client.mintServiceAccountToken(message, { attempts: 1 }),
    clock: () => ({ ...now }),
    random: () => 0.5,
  });
  const pass = (ms: number) => {
    now.wallMs += ms;
    now.monotonicMs += ms;
  };
  return { now, asked, server, tokens, pass };
}

describe("ServiceAccountTokens", () => {
  it("mints once for all who ask for the same at once, and keeps the token", async () => {
    const { now, asked, tokens } = start();
    const both = await Promise.all([tokens.idToken(id), tokens.idToken(id)]);
    expect(both.map(({ token }) => token)).toEqual(["token-1", "token-1"]);
    expect(await tokens.idToken(id)).toEqual({ token: "token-1", expiryMs: now.wallMs + 60 * MINUTE });
    expect(asked).toMatchObject([
      {
        tokenKind: ServiceAccountTokenKind.SERVICE_ACCOUNT_TOKEN_ID_TOKEN,
        serviceAccount: use.account,
        realm: use.realm,
        oauthScope: [],
        idTokenAudience: id.audience,
        minValidityDuration: 900n,
      },
    ]);
  });

  it("knows access tokens by their scopes, whatever the order", async () => {
    const { asked, tokens } = start();
    expect((await tokens.accessToken({ ...access, tags: ["k:v"] })).token).toBe("token-1");
    expect((await tokens.accessToken({ ...access, scopes: ["a", "b"], tags: ["k:v"] })).token).toBe("token-1");
    expect((await tokens.accessToken({ ...access, scopes: ["a"] })).token).toBe("token-2");
    expect(asked[0]).toMatchObject({
      tokenKind: ServiceAccountTokenKind.SERVICE_ACCOUNT_TOKEN_ACCESS_TOKEN,
      oauthScope: ["a", "b"],
      idTokenAudience: "",
      auditTags: ["k:v"],
    });
  });

  it("mints for each request of its own", async () => {
    const { tokens } = start();
    const changes = [{}, { account: "b@x.y" }, { realm: "lab:cd" }, { audience: "x" }, { minTtlSeconds: 60 }];
    const minted = await Promise.all(changes.map((change) => tokens.idToken({ ...id, ...change })));
    expect(new Set(minted.map(({ token }) => token)).size).toBe(changes.length);
  });

  it("refreshes beside its users, and waits only for a token that lives long enough", async () => {
    const { tokens, pass, asked, server } = start();
    await tokens.idToken(id);
    pass(40 * MINUTE);
    expect((await tokens.idToken(id)).token).toBe("token-1");
    await expect.poll(async () => (await tokens.idToken(id)).token, { timeout: 20_000 }).toBe("token-2");
    expect(asked).toHaveLength(2);
    server.code = Code.Unavailable;
    pass(50 * MINUTE + 1);
    await expect(tokens.idToken(id)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it("asks for no more life than the server lets it", async () => {
    const { asked, tokens } = start();
    await tokens.idToken({ ...id, minTtlSeconds: 3600 });
    expect(asked[0]?.minValidityDuration).toBe(3600n);
  });

  it.each([
    ["an account", { account: "" }],
    ["a realm", { realm: "" }],
    ["an audience", { audience: "" }],
    ["a life that can be", { minTtlSeconds: 29 }],
    ["a life that the server gives", { minTtlSeconds: 3601 }],
  ])("sends no request without %s", async (_, change) => {
    const { asked, tokens } = start();
    await expect(tokens.idToken({ ...id, ...change })).rejects.toMatchObject({ code: "REFUSED" });
    expect(asked).toEqual([]);
  });

  it.each([{ scopes: [] }, { scopes: ["a", ""] }])("sends no request with %j", async (change) => {
    const { tokens } = start();
    await expect(tokens.accessToken({ ...access, ...change })).rejects.toMatchObject({ code: "REFUSED" });
  });

  it("takes no answer without a token or its end", async () => {
    const { server, tokens } = start();
    server.token = "";
    await expect(tokens.idToken(id)).rejects.toMatchObject({ code: "BAD_RESPONSE" });
    Object.assign(server, { token: "token", lifeMs: undefined });
    await expect(tokens.accessToken(access)).rejects.toMatchObject({ code: "BAD_RESPONSE" });
  });
});
