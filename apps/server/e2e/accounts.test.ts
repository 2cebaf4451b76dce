import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OpenIdProvider, startOpenIdProvider } from "openid-provider";
import { discoverIssuer, type RelyingParty, serveRequest } from "relying-party";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, runTokens, startServer } from "./programs.js";

const ACCOUNT = "robot@accounts.example.com";
const AUDIENCE = "https://relying-party.example.com";
const API = "https://api.example.com";

const files = {
  "groups.cfg": 'groups { name: "auth-project-actors" members: "user:actor@example.com" }',
  "realms.cfg": `realms {
    name: "lab:ci"
    bindings { permissions: "luci.serviceAccounts.mintToken" principals: "user:alice@example.com" }
    bindings { permissions: "luci.serviceAccounts.existInRealm" principals: "user:${ACCOUNT}" }
  }`,
  "projects.cfg": 'projects { id: "lab" identity_config { service_account_email: "lab@accounts.example.com" } }',
  "project_owned_accounts.cfg": `mapping { project: "lab" service_account: "${ACCOUNT}" }`,
  "delegation.cfg": `rules {
    name: "alice" requestor: "user:alice@example.com" allowed_to_impersonate: "REQUESTOR"
    allowed_audience: "REQUESTOR" target_service: "*" max_validity_duration: 3600
  }`,
};

let folder: string;
let provider: OpenIdProvider;
let server: RunningServer;
let relyingParty: RelyingParty;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "accounts-"));
  mkdirSync(join(folder, "config"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, "config", name), text);
  provider = await startOpenIdProvider();
  const oidc = ["--oidc-issuer", provider.issuer, "--oidc-audience", "tokens"];
  const data = ["--config", join(folder, "config"), "--data", join(folder, "data")];
  server = await startServer([...oidc, ...data, "--access-token-audience", API]);
  relyingParty = await discoverIssuer(server.url, AUDIENCE);
});

afterAll(async () => {
  await Promise.all([server.stop(), provider.stop()]);
  rmSync(folder, { recursive: true });
});

/** Calls an RPC as a user. */
async function call(email: string, method: string, body: object, headers: Record<string, string> = {}) {
  const authorization = `Bearer ${await provider.login(email)}`;
  const response = await fetch(`${server.url}/tokenserver.minter.TokenMinter/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization, ...headers },
    body: JSON.stringify(body),
  });
  return (await response.json()) as { readonly code?: string; readonly token?: string; readonly accessToken?: string };
}

const robot = { serviceAccount: ACCOUNT, realm: "lab:ci" };
const idRequest = (audience: string) => ({ ...robot, tokenKind: 2, idTokenAudience: audience });
const accessRequest = (...scopes: string[]) => ({ ...robot, tokenKind: 1, oauthScope: scopes });

/** A token that Alice may have. */
async function minted(request: object): Promise<string> {
  const { token = "" } = await call("alice@example.com", "MintServiceAccountToken", request);
  return token;
}

/** `tokens mint` of a user. */
async function mint(email: string, what: string, ...options: string[]) {
  const bearer = await provider.login(email);
  return runTokens(["mint", what, "--server", server.url, "--bearer-file", "-", ...options], bearer);
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;

describe("a relying party of this server's issuer", () => {
  it("discovers it, and accepts an ID token of a service account", async () => {
    expect(relyingParty.issuer).toBe(server.url);
    const { payload, protectedHeader } = await relyingParty.accept(await minted(idRequest(AUDIENCE)));
    expect(protectedHeader).toMatchObject({ alg: "RS256", typ: "JWT" });
    expect(payload).toMatchObject({ sub: ACCOUNT, email: ACCOUNT, email_verified: true });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(3600);
  });

  it("refuses a token for another audience, of another time, or with another letter", async () => {
    const token = await minted(idRequest(AUDIENCE));
    const refuses = (text: string, code: string, options: object = {}) =>
      expect(relyingParty.accept(text, options)).rejects.toMatchObject({ code });
    await refuses(token, "ERR_JWT_CLAIM_VALIDATION_FAILED", { audience: "other" });
    await refuses(await minted(idRequest("other")), "ERR_JWT_CLAIM_VALIDATION_FAILED");
    await refuses(token, "ERR_JWT_EXPIRED", { currentDate: new Date(Date.now() + 3601_000) });
    const [header = "", , signature = ""] = token.split(".");
    const forged = Buffer.from(JSON.stringify({ ...claimsOf(token), sub: "root@example.com" })).toString("base64url");
    await refuses(`${header}.${forged}.${signature}`, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
  });
});

describe("a resource server that goes by RFC 9068", () => {
  const serve = (token: string, audience = API, scope = "read") => serveRequest(token, server.url, audience, scope);

  it("serves who has an access token for it", async () => {
    const claims = await serve(await minted(accessRequest("write", "read")));
    expect(claims).toMatchObject({ sub: ACCOUNT, client_id: "user:alice@example.com", scope: "read write", aud: API });
  });

  it("serves nobody with another audience, without the scope, with an ID token, or with a changed one", async () => {
    const token = await minted(accessRequest("read"));
    await expect(serve(token, "https://other.example.com")).rejects.toThrow(/aud/);
    await expect(serve(token, API, "write")).rejects.toThrow("insufficient_scope");
    await expect(serve(await minted(idRequest(API)))).rejects.toThrow(/typ/);
    const [header, , signature] = token.split(".");
    const forged = Buffer.from(JSON.stringify({ ...claimsOf(token), scope: "read write" })).toString("base64url");
    await expect(serve(`${header}.${forged}.${signature}`)).rejects.toThrow(/signature/);
  });

  it("serves a project's account", async () => {
    const options = ["--project", "lab", "--scope", "read", "--json"];
    const { code, stdout } = await mint("actor@example.com", "project", ...options);
    expect(code).toBe(0);
    const { token, serviceAccount } = JSON.parse(stdout) as { token: string; serviceAccount: string };
    expect(serviceAccount).toBe("lab@accounts.example.com");
    expect(await serve(token)).toMatchObject({ sub: serviceAccount, client_id: "user:actor@example.com" });
  });
});

describe("tokens mint service-account", () => {
  const options = ["--account", ACCOUNT, "--realm", "lab:ci"];
  const print = (email: string, ...more: string[]) => mint(email, "service-account", ...options, ...more);

  it("prints what programs want that run a command for a credential", async () => {
    const { stdout } = await print("alice@example.com", "--audience", AUDIENCE, "--format", "credential-process");
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      success: true,
      token_type: "urn:ietf:params:oauth:token-type:id_token",
      id_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/) as string,
      expiration_time: expect.any(Number) as number,
    });
    const plugin = await print("alice@example.com", "--scope", "read", "--format", "exec-credential");
    expect(JSON.parse(plugin.stdout)).toMatchObject({
      kind: "ExecCredential",
      status: { token: expect.stringMatching(/./) as string },
    });
  });

  it("says no by its exit code, and to who listens also in words", async () => {
    const { code, stdout } = await print("bob@example.com", "--audience", AUDIENCE, "--format", "credential-process");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, success: false, code: "PermissionDenied" });
    expect((await print("alice@example.com")).code).toBe(2);
  });
});

describe("a delegation token", () => {
  it("bounds what is minted with it, and gets neither a token of a project nor another delegation", async () => {
    const alice = "alice@example.com";
    const wanted = { delegatedIdentity: "REQUESTOR", audience: ["REQUESTOR"], services: ["*"] };
    const { token: parent = "" } = await call(alice, "MintDelegationToken", { ...wanted, validityDuration: "1800" });
    const chained = { "x-delegation-token-v1": parent };
    const request = idRequest(AUDIENCE);
    const { exp, iat } = claimsOf((await call(alice, "MintServiceAccountToken", request, chained)).token ?? "");
    expect(Number(exp) - Number(iat)).toBeLessThanOrEqual(1800);
    const refusals: [string, object][] = [
      ["MintServiceAccountToken", { ...request, minValidityDuration: "3600" }],
      ["MintProjectToken", { luciProject: "lab", oauthScope: ["read"] }],
      ["MintDelegationToken", wanted],
    ];
    for (const [method, body] of refusals) {
      expect((await call(alice, method, body, chained)).code).toBe("permission_denied");
    }
  });
});

it("keeps a record of each token, and no token", async () => {
  const token = await minted({ ...idRequest(AUDIENCE), auditTags: ["why:test"] });
  const audit = await runTokens(["audit", "export", "--kind", "service_account", "--server", server.admin]);
  expect(audit.stdout).toContain('"why:test"');
  for (const part of token.split(".")) {
    expect(audit.stdout).not.toContain(part);
    expect(server.log()).not.toContain(part);
  }
});
