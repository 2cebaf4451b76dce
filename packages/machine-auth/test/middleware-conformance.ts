import { type IncomingMessage, request as send } from "node:http";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Authentication, AuthenticatorOptions } from "../src/authenticate.js";
import { TrustUnavailable } from "../src/errors.js";
import { fixedTrust } from "../src/trust-source.js";
import { ISSUED_AT, makeTokenIssuer, type TokenIssuer } from "./token-issuer.js";

/** A protected server, and where its handler answers. */
export interface ProtectedServer {
  readonly port: number;
  readonly path: string;
  close(): Promise<void>;
}

/** The options that all middlewares share. */
export interface ConformanceOptions extends AuthenticatorOptions {
  readonly mode?: "enforce" | "annotate";
  readonly identityHeaders?: boolean;
  /** A peer that the application knows by itself. */
  readonly peer?: () => string | undefined;
}

/** What a handler saw. Its answer is this in JSON; with RPCs within another message. */
export interface Seen {
  readonly caller: Pick<Authentication, "status"> & {
    identity?: string;
    peer?: string;
    machineFqdn?: string;
    code?: string;
  };
  /** Every header by its name in lower case, wherever the framework shows them. */
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** What handlers tell of the caller. */
export function seenCaller(caller: Authentication): Seen["caller"] {
  if (caller.status !== "confirmed") {
    return { status: caller.status, ...("error" in caller ? { code: caller.error.code } : {}) };
  }
  const { status, identity, peer, machine } = caller;
  return { status, identity, peer, ...(machine ? { machineFqdn: machine.machineFqdn } : {}) };
}

/** Everything that Node and a framework show of a request's headers, by their name in lower case. */
export function everyHeader(request: IncomingMessage, ...views: object[]): Record<string, string> {
  const { headers, headersDistinct, rawHeaders } = request;
  const raw = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1]]] : []));
  const shown = [headers, headersDistinct, ...views].flatMap((view) => Object.entries(view) as [string, unknown][]);
  return Object.fromEntries([...shown, ...raw].map(([name, value]) => [name, String(value)])) as Record<string, string>;
}

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
  readonly seen: Seen;
}

const TOKEN = "X-Luci-Machine-Token";
const DELEGATION = "X-Delegation-Token-V1";
const PROJECT = "X-Luci-Project";
const host1 = "bot:host-1.example.com";
const forgeries: [string, string][] = [
  ["X-Tokens-Identity", "user:root@example.com"],
  ["x-tokens-status", "Confirmed"],
  ["X_Tokens_Peer", "user:root@example.com"],
  ["X-Tokens_Machine", "root.example.com"],
  ["X_TOKENS_CA_ID", "forged-666"],
  ["X-Tokens-Ca-Id", "forged-666"],
  ["X_Luci_Machine_Token", "forged-word"],
  ["X_Luci_Project", "forged-word"],
];
/** In all of these, and never in base64: a token is random enough to hold any short word. */
const FORGED = /root[@.]|forged-/;

/** The same promises for every framework, kept by real servers that get real requests. */
export function describeMiddleware(
  framework: string,
  start: (options: ConformanceOptions) => Promise<ProtectedServer>,
): void {
  let issuer: TokenIssuer;
  beforeAll(async () => void (issuer = await makeTokenIssuer()));
  const servers: ProtectedServer[] = [];
  afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

  /** Sends headers exactly as written. */
  async function call(headers: [string, string][], options: Partial<ConformanceOptions> = {}): Promise<Answer> {
    const trust = fixedTrust(issuer.trust);
    const groups = (identity: string, group: string) => group === "auth-luci-services" && identity === host1;
    const server = await start({
      trust,
      clock: () => (ISSUED_AT + 60) * 1000,
      service: "service:files",
      groups,
      ...options,
    });
    servers.push(server);
    const rawHeaders = [
      "Host",
      "127.0.0.1",
      "Content-Type",
      "application/json",
      "Content-Length",
      "2",
      ...headers.flat(),
    ];
    return new Promise((resolve, reject) => {
      const { port, path } = server;
      const request = send(
        { host: "127.0.0.1", port, path, method: "POST", headers: rawHeaders, agent: false },
        (response) => {
          let text = "";
          response.on("data", (chunk: Buffer) => (text += chunk.toString()));
          response.on("end", () => {
            const { statusCode: status = 0, headers: answered } = response;
            resolve({ status, headers: answered, text, seen: status === 200 ? readSeen(text) : nothingSeen });
          });
        },
      );
      request.on("error", reject).end("{}");
    });
  }

  const down = () => ({
    ...fixedTrust(issuer.trust),
    ready: () => Promise.reject(new TrustUnavailable("STALE", "a detail for the log")),
  });

  describe(`machineAuth for ${framework}`, () => {
    it("lets a machine in, says who it is, and leaves the rest of the request alone", async () => {
      const { status, seen } = await call([
        [TOKEN, issuer.token()],
        ["X-Other", "kept"],
      ]);
      expect(status).toBe(200);
      expect(seen.caller).toEqual({
        status: "confirmed",
        identity: host1,
        peer: host1,
        machineFqdn: "host-1.example.com",
      });
      expect(seen).toMatchObject({ body: "{}", headers: { "x-other": "kept" } });
    });

    it("asks for a token, and lets nobody in without one", async () => {
      const answer = await call([]);
      expect(answer).toMatchObject({
        status: 401,
        headers: { "www-authenticate": 'MachineToken realm="machines"' },
        seen: nothingSeen,
      });
      expect(answer.text).toContain("a machine token is required");
    });

    it.each<[string, () => [string, string][]]>([
      ["MALFORMED", () => [[TOKEN, "hello"]]],
      ["BAD_SIGNATURE", () => [[TOKEN, issuer.tokenWithKeyId(issuer.body(), issuer.keyId)]]],
      ["UNKNOWN_KEY", () => [[TOKEN, issuer.tokenWithKeyId(issuer.body(), "other")]]],
      ["DUPLICATE_HEADER", () => [[TOKEN, issuer.token()], [TOKEN.toLowerCase(), issuer.token()]]], // prettier-ignore
      ["DUPLICATE_HEADER", () => [[TOKEN, `${issuer.token()}, ${issuer.token()}`]]],
      ["WRONG_AUDIENCE", () => [[DELEGATION, issuer.delegation()]]],
    ])("refuses with the code %s", async (code, headers) => {
      const answer = await call(headers());
      expect(answer).toMatchObject({ status: 401, seen: nothingSeen });
      expect(answer.headers["www-authenticate"]).toBe(`MachineToken realm="machines", error="${code}"`);
      expect(answer.text).not.toContain(issuer.token().slice(0, 20));
    });

    it("says what time it is when a clock may be wrong", async () => {
      const answer = await call([[TOKEN, issuer.token({ issuedAt: ISSUED_AT - 9000 })]]);
      expect(answer.headers["www-authenticate"]).toBe(
        'MachineToken realm="machines", error="EXPIRED", time="2026-06-01T12:01:00.000Z"',
      );
    });

    it("says 503 when nobody can tell, never 401 and never 200", async () => {
      const answer = await call([[TOKEN, issuer.token()]], { trust: down() });
      expect(answer).toMatchObject({ status: 503, headers: { "retry-after": "5" }, seen: nothingSeen });
      expect(answer.text).not.toContain("a detail for the log");
      expect((await call([], { trust: down() })).status).toBe(401);
    });

    it("says 500 when the trust source has a bug, and lets nobody in", async () => {
      const bug = { ...fixedTrust(issuer.trust), ready: () => Promise.reject(new RangeError("a bug")) };
      expect((await call([[TOKEN, issuer.token()]], { trust: bug })).status).toBe(500);
      expect((await call([[TOKEN, issuer.token()]], { trust: bug, mode: "annotate" })).status).toBe(500);
    });

    it("knows whom a delegation token or a project header speaks for", async () => {
      const delegated = await call([
        [TOKEN, issuer.token()],
        [DELEGATION, issuer.delegation()],
        [PROJECT, "infra"],
      ]);
      expect(delegated.seen.caller).toMatchObject({ identity: "user:alice@example.com", peer: host1 });
      const project = await call([
        [TOKEN, issuer.token()],
        [PROJECT, "infra"],
      ]);
      expect(project.seen.caller).toMatchObject({ identity: "project:infra", peer: host1 });
    });

    it("says 403 to a known peer that may not speak for a project", async () => {
      const other = issuer.token({ machineFqdn: "host-2.example.com" });
      const answer = await call([
        [TOKEN, other],
        [PROJECT, "infra"],
      ]);
      expect(answer).toMatchObject({ status: 403, seen: nothingSeen });
      expect(answer.headers["www-authenticate"]).toBeUndefined();
    });

    it("takes a peer that the application knows", async () => {
      const peer = () => "user:robot@example.com";
      const { seen } = await call([], { peer });
      expect(seen.caller).toEqual({ status: "confirmed", identity: peer(), peer: peer() });
      expect(
        (await call([[DELEGATION, issuer.delegation({ audience: [peer()] })]], { peer })).seen.caller,
      ).toMatchObject({
        identity: "user:alice@example.com",
      });
      expect((await call([], { peer: () => undefined })).status).toBe(401);
    });

    describe.each([true, false])("with identity headers: %s", (identityHeaders) => {
      const states: [Authentication["status"], () => [string, string][], Partial<ConformanceOptions>?][] = [
        ["confirmed", () => [[TOKEN, issuer.token()]]],
        ["invalid", () => [[TOKEN, "hello"]]],
        ["absent", () => []],
        ["unavailable", () => [[TOKEN, issuer.token()]], {}],
      ];
      it.each(states)(
        "annotates a request that is %s, and no forged header survives",
        async (state, headers, extra) => {
          const options = { mode: "annotate" as const, identityHeaders, ...(extra ? { trust: down() } : {}) };
          const { status, seen } = await call([...forgeries, ...headers()], options);
          expect([status, seen.caller.status]).toEqual([200, state]);
          expect(JSON.stringify(seen)).not.toMatch(FORGED);
          const ours = Object.entries(seen.headers).filter(([name]) => name.startsWith("x-tokens"));
          const word = state.replace(/^./, (letter) => letter.toUpperCase());
          const confirmed = {
            "x-tokens-status": "Confirmed",
            "x-tokens-identity": host1,
            "x-tokens-peer": host1,
            "x-tokens-machine": "host-1.example.com",
            "x-tokens-ca-id": "42",
          };
          const expected = state === "confirmed" ? confirmed : { "x-tokens-status": word };
          expect(Object.fromEntries(ours)).toEqual(identityHeaders ? expected : {});
        },
      );

      it("enforces, and no forged header survives", async () => {
        const { seen } = await call([...forgeries, [TOKEN, issuer.token()]], { identityHeaders });
        expect(seen.caller.identity).toBe(host1);
        expect(JSON.stringify(seen)).not.toMatch(FORGED);
        expect((await call(forgeries, { identityHeaders })).status).toBe(401);
      });
    });

    it("tells why a request is not confirmed", async () => {
      const mode = "annotate";
      expect((await call([[TOKEN, "hello"]], { mode })).seen.caller).toEqual({ status: "invalid", code: "MALFORMED" });
      const unavailable = await call([[TOKEN, issuer.token()]], { mode, trust: down() });
      expect(unavailable.seen.caller).toEqual({ status: "unavailable", code: "STALE" });
    });
  });
}

const nothingSeen: Seen = { caller: { status: "absent" }, headers: {}, body: "" };

/** The handler's words, or an RPC's answer around them. */
function readSeen(text: string): Seen {
  const answer = JSON.parse(text) as Seen | { revision: string };
  return "revision" in answer ? (JSON.parse(answer.revision) as Seen) : answer;
}
