import { createServer, type IncomingMessage, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { ISSUED_AT, makeTokenIssuer, type TokenIssuer } from "../test/token-issuer.js";
import { TrustUnavailable } from "./errors.js";
import { machineAuth } from "./http.js";
import type { Enforce, MiddlewareOptions } from "./middleware.js";
import { fixedTrust } from "./trust-source.js";

let issuer: TokenIssuer;
beforeAll(async () => void (issuer = await makeTokenIssuer()));

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

const clock = () => (ISSUED_AT + 60) * 1000;
const TOKEN = "X-Luci-Machine-Token";

/** Sends headers exactly as written to a protected server that tells what its handler saw. */
async function call(headers: [string, string][], options: Partial<MiddlewareOptions<IncomingMessage> & Enforce> = {}) {
  const protect = machineAuth({ trust: fixedTrust(issuer.trust), clock, ...options });
  const server = createServer(
    protect((request, response) => {
      const seen = {
        identity: request.caller.identity,
        headers: request.headers,
        distinct: request.headersDistinct,
        raw: request.rawHeaders,
      };
      response.end(JSON.stringify(seen));
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => void server.close());
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }>((resolve, reject) => {
    const { port } = server.address() as AddressInfo;
    const request = send(
      { port, host: "127.0.0.1", headers: ["Host", "x", ...headers.flat()], agent: false },
      (response) => {
        let body = "";
        response.on("data", (chunk: Buffer) => (body += chunk.toString()));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      },
    );
    request.on("error", reject).end();
  });
}

describe("machineAuth", () => {
  it("lets a machine in and says who it is", async () => {
    const { status, body } = await call([[TOKEN, issuer.token()]]);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ identity: "bot:host-1.example.com" });
  });

  it("asks for a token", async () => {
    const answer = await call([]);
    expect(answer).toMatchObject({ status: 401, headers: { "www-authenticate": 'MachineToken realm="machines"' } });
  });

  it.each<[string, () => [string, string][]]>([
    ["EXPIRED", () => [[TOKEN, issuer.token({ issuedAt: ISSUED_AT - 9000 })]]],
    ["MALFORMED", () => [[TOKEN, "hello"]]],
    [
      "DUPLICATE_HEADER",
      () => [
        [TOKEN, issuer.token()],
        [TOKEN.toLowerCase(), issuer.token()],
      ],
    ],
    ["DUPLICATE_HEADER", () => [[TOKEN, `${issuer.token()}, ${issuer.token()}`]]],
  ])("refuses with the code %s", async (code, headers) => {
    const answer = await call(headers());
    expect(answer.status).toBe(401);
    expect(answer.headers["www-authenticate"]).toEqual(
      expect.stringContaining(`MachineToken realm="machines", error="${code}"`),
    );
    expect(answer.body).toBe("a good machine token is required\n");
  });

  it("says 503 when nobody can tell, never 401 and never 200", async () => {
    const down = () => Promise.reject(new TrustUnavailable("STALE", "too old"));
    const answer = await call([[TOKEN, issuer.token()]], { trust: { ...fixedTrust(issuer.trust), ready: down } });
    expect(answer).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
  });

  it("says 500 when the trust source has a bug", async () => {
    const bug = () => Promise.reject(new RangeError("a bug"));
    expect((await call([[TOKEN, issuer.token()]], { trust: { ...fixedTrust(issuer.trust), ready: bug } })).status).toBe(
      500,
    );
  });

  it("removes identity headers that a client made up, `_` twins included", async () => {
    const forged: [string, string][] = [
      ["X-Tokens-Identity", "user:root@example.com"],
      ["x-tokens-status", "Confirmed"],
      ["X_Tokens_Machine", "other"],
      ["X-Tokens_Peer", "other"],
      ["X_Luci_Machine_Token", "other"],
    ];
    const { body } = await call([...forged, [TOKEN, issuer.token()], ["Accept", "text/plain"]]);
    expect(body).not.toContain("other");
    expect(body.toLowerCase()).not.toContain("x-tokens");
    expect(body).not.toContain("root@example.com");
    expect(body).toContain("text/plain");
  });

  it("does not take a token from a `_` twin", async () => {
    expect((await call([["X_Luci_Machine_Token", issuer.token()]])).status).toBe(401);
  });
});
