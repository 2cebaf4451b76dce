import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { type MintProjectTokenRequest, TokenMinter } from "@tokens/api";
import { describe, expect, it } from "vitest";
import { ProjectTokens } from "./project-tokens.js";
import { TokenClient } from "./token-client.js";

const request = { project: "lab", scopes: ["b", "a"] };
const now = { wallMs: 1_800_000_000_000, monotonicMs: 5_000 };

function start(code?: Code) {
  const asked: MintProjectTokenRequest[] = [];
  const transport = createRouterTransport(({ rpc }) =>
    rpc(TokenMinter.method.mintProjectToken, (message) => {
      asked.push(message);
      if (code !== undefined) throw new ConnectError("words", code);
      const expiry = timestampFromMs(now.wallMs + 3_600_000);
      return { accessToken: `token-${asked.length}`, serviceAccountEmail: "lab@example.com", expiry };
    }),
  );
  const client = new TokenClient(transport);
  const tokens = new ProjectTokens({
    mint: (message) => client.mintProjectToken(message, { attempts: 1 }),
    clock: () => now,
  });
  return { asked, tokens };
}

describe("ProjectTokens", () => {
  it("mints a token, keeps it, and says whose it is", async () => {
    const { asked, tokens } = start();
    const token = { token: "token-1", serviceAccount: "lab@example.com", expiryMs: now.wallMs + 3_600_000 };
    expect(await tokens.accessToken(request)).toEqual(token);
    expect(await tokens.accessToken({ ...request, scopes: ["a", "b"] })).toEqual(token);
    expect((await tokens.accessToken({ ...request, project: "other" })).token).toBe("token-2");
    expect(asked[0]).toMatchObject({ luciProject: "lab", oauthScope: ["a", "b"], minValidityDuration: 900n });
  });

  it("remembers for a while that there is none", async () => {
    const { asked, tokens } = start(Code.NotFound);
    await expect(tokens.accessToken(request)).rejects.toMatchObject({ code: "REFUSED" });
    await expect(tokens.accessToken(request)).rejects.toMatchObject({ code: "REFUSED" });
    expect(asked).toHaveLength(1);
  });

  it.each([{ project: "" }, { scopes: [] }, { minTtlSeconds: 1801 }])("sends no request with %j", async (change) => {
    const { asked, tokens } = start();
    await expect(tokens.accessToken({ ...request, ...change })).rejects.toMatchObject({ code: "REFUSED" });
    expect(asked).toEqual([]);
  });
});
