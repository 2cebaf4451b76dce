import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type MintServiceAccountTokenRequestSchema, ServiceAccountTokenKind, TokenMinter } from "@tokens/api";
import { tokenFingerprint } from "@tokens/machine-auth/machine-token";
import { describe, expect, it } from "vitest";
import { minterFor, refusalOf } from "../../test/minting.js";
import type { Caller } from "../access/caller.js";
import { AccountCredentials } from "../credentials/account-credentials.js";
import { type AccessTokenRequest, CredentialRefused, type IdTokenRequest } from "../credentials/credential-backend.js";
import { Unavailable } from "../errors.js";
import { compilePolicy } from "../policies/compile-policy.js";
import { policyOfFiles } from "../policies/policy-reader.js";
import { StorageUnavailable } from "../storage/storage-unavailable.js";
import { serviceAccountTokenRpc } from "./mint-service-account-token.js";

type Request = MessageInitShape<typeof MintServiceAccountTokenRequestSchema>;
type Asked = Partial<AccessTokenRequest & IdTokenRequest>;

const { SERVICE_ACCOUNT_TOKEN_ACCESS_TOKEN: ACCESS, SERVICE_ACCOUNT_TOKEN_ID_TOKEN: ID } = ServiceAccountTokenKind;

const nowMs = Date.parse("2026-06-01T12:00:00.250Z");
const alice = "user:alice@example.com";
const realm = "lab:ci";
const binding = (permission: string, ...principals: string[]) =>
  `bindings { permissions: "luci.serviceAccounts.${permission}" principals: ${JSON.stringify(principals)} }`;
const realmOf = (name: string, ...accounts: string[]) =>
  `realms { name: "${name}" ${binding("mintToken", alice, "project:lab")} ${binding("existInRealm", ...accounts)} }`;
const files = {
  "realms.cfg": [
    realmOf(realm, "user:a@x.y", "user:unmapped@x.y"),
    realmOf("scoped:ci", "user:unmapped@x.y"),
    realmOf("scoped-bare:ci", "user:unmapped@x.y"),
    realmOf("@internal:ci", "user:unmapped@x.y"),
  ].join("\n"),
  "projects.cfg": 'projects { id: "scoped" identity_config { service_account_email: "scoped@x.y" } }',
  "project_owned_accounts.cfg": `mapping { project: ["lab", "other"] service_account: ["a@x.y", "gone@x.y"] }
    use_project_scoped_account: ["scoped", "scoped-bare", "@internal"]`,
};
const access: Request = { tokenKind: ACCESS, serviceAccount: "a@x.y", realm, oauthScope: ["b", "a", "b"] };
const id: Request = { tokenKind: ID, serviceAccount: "a@x.y", realm, idTokenAudience: "https://aud" };

type Mint = (request: Asked) => Promise<{ token: string; expiryMs: number }>;
const hour: Mint = () => Promise.resolve({ token: "the-token", expiryMs: nowMs + 3600_000 });

async function server(caller: Caller, mint: Mint = hour, failure?: Error) {
  const { policy } = await compilePolicy(policyOfFiles(files));
  const clock = () => nowMs;
  const credentials = new AccountCredentials({
    otherwise: { accessToken: mint, idToken: mint },
    byDomain: new Map(),
    clock,
  });
  const method = TokenMinter.method.mintServiceAccountToken;
  const test = minterFor(
    caller,
    (router, parts) =>
      void router.rpc(method, serviceAccountTokenRpc({ ...parts, credentials, policy: () => policy, clock })),
    failure,
  );
  return { ...test, revision: policy.revision };
}

const self = (identity: string): Caller => ({ identity, peer: identity });

/** What the backend was asked, by a caller who gets what it wants. */
async function askedBy(caller: Caller, request: Request): Promise<Asked | undefined> {
  let asked: Asked | undefined;
  const { minter } = await server(caller, (what) => ((asked = what), hour(what)));
  await minter.mintServiceAccountToken(request);
  return asked;
}

/** A caller with a delegation token that ends so many seconds from now. */
function delegated(seconds: number): Caller {
  const issuedAt = Math.floor(nowMs / 1000);
  const delegation = {
    delegatedIdentity: alice,
    requestorIdentity: alice,
    subtokenId: 1n,
    audience: ["*"],
    services: ["*"],
    tags: [],
    issuedAt,
    expiresAt: issuedAt + seconds,
  };
  return { identity: alice, peer: "bot:host.example.com", delegation };
}

describe("MintServiceAccountToken", () => {
  it("gets an access token, with the scopes in order", async () => {
    const { minter } = await server(self(alice));
    const response = await minter.mintServiceAccountToken(access);
    expect(response).toMatchObject({ token: "the-token", serviceVersion: "app/1" });
    expect(response.expiry && timestampMs(response.expiry)).toBe(nowMs + 3600_000);
    expect(await askedBy(self(alice), access)).toEqual({
      account: "a@x.y",
      delegates: [],
      caller: alice,
      minValiditySeconds: 300,
      notAfterMs: undefined,
      scopes: ["a", "b"],
    });
  });

  it("gets an ID token for an audience, taken as it is", async () => {
    const request = { ...id, idTokenAudience: " Any Text ", minValidityDuration: 60n };
    expect(await askedBy(self(alice), request)).toMatchObject({ audience: " Any Text ", minValiditySeconds: 60 });
  });

  it("takes a token that lives exactly as long as it must", async () => {
    const { minter } = await server(self(alice));
    expect((await minter.mintServiceAccountToken({ ...access, minValidityDuration: 3600n })).token).toBe("the-token");
  });

  it("asks the rules about whom the call is made as, not about the peer", async () => {
    const asLab = { identity: "project:lab", peer: "user:service@example.com" };
    expect(await askedBy(asLab, id)).toMatchObject({ caller: "project:lab" });
    const { minter } = await server({ identity: "user:service@example.com", peer: alice });
    expect((await refusalOf(minter.mintServiceAccountToken(id)))[0]).toBe("PermissionDenied");
  });

  it("goes by way of the project's account where the project uses that, and needs no mapping then", async () => {
    const unmapped = { ...id, serviceAccount: "unmapped@x.y" };
    expect((await askedBy(self(alice), { ...unmapped, realm: "scoped:ci" }))?.delegates).toEqual(["scoped@x.y"]);
    expect((await askedBy(self(alice), { ...unmapped, realm: "@internal:ci" }))?.delegates).toEqual([]);
  });

  const nobody = self("anonymous:anonymous");
  const stranger = self("user:stranger@example.com");
  const wrong: Request = { oauthScope: [""], minValidityDuration: -1n, auditTags: ["x"] };
  const accessWrong: Request = { ...wrong, tokenKind: ACCESS, serviceAccount: "a@x.y", realm };
  const idWrong: Request = { ...wrong, tokenKind: ID, serviceAccount: "a@x.y", realm };
  const invalid: [string, Request, RegExp][] = [
    ["no kind", wrong, /token_kind is required/],
    ["an unknown kind", { ...wrong, tokenKind: 77 as ServiceAccountTokenKind }, /unrecognized token_kind 77/],
    ["no account", { ...wrong, tokenKind: ID }, /service_account is required/],
    ["a bad account", { ...wrong, tokenKind: ID, serviceAccount: "nonsense" }, /bad service_account/],
    ["no realm", { ...idWrong, realm: "" }, /realm is required/],
    ["a bad realm", { ...idWrong, realm: "Lab:ci" }, /bad realm/],
    ["a realm without a project", { ...idWrong, realm: "ci" }, /bad realm/],
    [
      "no scopes for an access token",
      { ...accessWrong, oauthScope: [] },
      /oauth_scope is required when .*ACCESS_TOKEN/,
    ],
    ["an empty scope", { ...accessWrong, oauthScope: ["a", ""], idTokenAudience: "x" }, /got an empty string/],
    ["scopes for an ID token", idWrong, /oauth_scope must not be used when .*ID_TOKEN/],
    ["no audience for an ID token", { ...idWrong, oauthScope: [] }, /id_token_audience is required when .*ID_TOKEN/],
    [
      "an audience for an access token",
      { ...accessWrong, oauthScope: ["a"], idTokenAudience: "x" },
      /id_token_audience must not be used when .*ACCESS_TOKEN/,
    ],
    ["a negative time", { ...id, minValidityDuration: -1n, auditTags: ["x"] }, /must be positive/],
    ["more than an hour", { ...id, minValidityDuration: 3601n, auditTags: ["x"] }, /must be not greater than 3600/],
    ["a bad tag", { ...id, auditTags: ["k:v", "x"] }, /bad audit_tags: tag #2/],
  ];
  it.each<[string, Caller, Request, string, RegExp]>([
    ...invalid.map(
      ([what, request, message]) =>
        [what, nobody, request, "InvalidArgument", message] as [string, Caller, Request, string, RegExp],
    ),
    ["nobody", nobody, id, "PermissionDenied", /unknown realm or no permission to use service accounts there/],
    ["a stranger", stranger, { ...id, serviceAccount: "no@x.y" }, "PermissionDenied", /unknown realm or no permission/],
    ["an unknown realm", self(alice), { ...id, realm: "none:ci" }, "PermissionDenied", /unknown realm/],
    [
      "an account outside of the realm",
      self(alice),
      { ...id, serviceAccount: "gone@x.y" },
      "PermissionDenied",
      /the service account "gone@x.y" is not in the realm "lab:ci"/,
    ],
    [
      "an account in other letters",
      self(alice),
      { ...id, serviceAccount: "A@x.y" },
      "PermissionDenied",
      /"A@x.y" is not in the realm/,
    ],
    [
      "an account that the project does not own",
      self(alice),
      { ...id, serviceAccount: "unmapped@x.y" },
      "PermissionDenied",
      /is not allowed to be used by the project "lab" per project_owned_accounts.cfg/,
    ],
    [
      "a project without an account of its own",
      self(alice),
      { ...id, serviceAccount: "unmapped@x.y", realm: "scoped-bare:ci" },
      "InvalidArgument",
      /project-scoped account for project scoped-bare is not configured/,
    ],
  ])("refuses, in LUCI's order, %s", async (_, caller, request, code, message) => {
    const { minter, entries, notes, revision } = await server(caller, () => expect.unreachable("nothing is asked for"));
    expect(await refusalOf(minter.mintServiceAccountToken(request))).toEqual([code, expect.stringMatching(message)]);
    expect(entries).toEqual([]);
    const record = { columns: { caller: caller.identity, reason: code, policy_revision: revision } };
    expect(notes).toMatchObject(caller === nobody ? [] : [record]);
  });

  it.each([
    ["the permission", stranger, id, "luci.serviceAccounts.mintToken in lab:ci", "caller"],
    [
      "the realm",
      self(alice),
      { ...id, serviceAccount: "gone@x.y" },
      "luci.serviceAccounts.existInRealm in lab:ci",
      "service_account",
    ],
    ["the mapping", self(alice), { ...id, serviceAccount: "unmapped@x.y" }, "project_owned_accounts.cfg", "mapping"],
  ])("says that %s is missing", async (_, caller, request, rule, failed) => {
    const { minter, notes } = await server(caller);
    await refusalOf(minter.mintServiceAccountToken(request));
    expect(notes).toMatchObject([{ columns: { considered: [{ rule, failed }] } }]);
  });

  it.each<[string, Error, string, RegExp]>([
    [
      "a no",
      new CredentialRefused("REFUSED", "because"),
      "InvalidArgument",
      /^failed to mint token for "a@x.y" - because/,
    ],
    ["a short life", new CredentialRefused("TOO_SHORT", "because"), "InvalidArgument", /^failed to mint token/],
    ["an outage", new Unavailable("cannot get tokens now", "secret"), "Unavailable", /^cannot get tokens now$/],
    ["a bug", new TypeError("secret"), "Internal", /^internal error$/],
  ])("answers %s of whoever makes the token", async (_, error, code, message) => {
    const { minter, entries } = await server(self(alice), () => Promise.reject(error));
    expect(await refusalOf(minter.mintServiceAccountToken(id))).toEqual([code, expect.stringMatching(message)]);
    expect(entries).toEqual([]);
  });

  it("records each token in LUCI's columns, and never the token", async () => {
    const caller = { identity: alice, peer: "bot:host.example.com" };
    const { minter, entries, revision } = await server(caller);
    await minter.mintServiceAccountToken({ ...access, auditTags: ["k:v"] });
    await minter.mintServiceAccountToken(id);
    const common = {
      fingerprint: tokenFingerprint("the-token"),
      service_account: "a@x.y",
      realm,
      request_identity: alice,
      peer_identity: "bot:host.example.com",
      requested_at: "2026-06-01T12:00:00.250Z",
      expiration: "2026-06-01T13:00:00.250Z",
      config_rev: revision,
      peer_ip: "0.0.0.0",
      service_version: "app/1",
      gae_request_id: "0".repeat(32),
      auth_db_rev: "0",
    };
    const kind = "service_account";
    const accessOnly = { kind: "SERVICE_ACCOUNT_TOKEN_ACCESS_TOKEN", oauth_scopes: ["a", "b"], id_token_audience: "" };
    const idOnly = { kind: "SERVICE_ACCOUNT_TOKEN_ID_TOKEN", oauth_scopes: [], id_token_audience: "https://aud" };
    expect(entries).toEqual([
      { kind, columns: { ...common, ...accessOnly, audit_tags: ["k:v"] } },
      { kind, columns: { ...common, ...idOnly, audit_tags: [] } },
    ]);
  });

  it("hands out no token whose record is not committed", async () => {
    const { minter } = await server(self(alice), hour, new StorageUnavailable("down"));
    expect((await refusalOf(minter.mintServiceAccountToken(id)))[0]).toBe("Unavailable");
  });
});

describe("MintServiceAccountToken under a delegation token", () => {
  const end = Math.floor(nowMs / 1000) * 1000;

  it("says when the token must be over, and takes one that is", async () => {
    expect(await askedBy(delegated(3700), id)).toMatchObject({ caller: alice, notAfterMs: end + 3700_000 });
    const { minter } = await server(delegated(600), ({ notAfterMs = 0 }) =>
      Promise.resolve({ token: "short", expiryMs: notAfterMs }),
    );
    const { expiry } = await minter.mintServiceAccountToken(id);
    expect(expiry && timestampMs(expiry)).toBe(end + 600_000);
  });

  it.each([
    ["lives longer than the delegation, and cannot be shortened", 3599, {}],
    ["would be over before it may be", 299, {}],
    ["would be over before it may be, as asked", 3599, { minValidityDuration: 3600n }],
  ])("denies a token that %s", async (_, seconds, changes) => {
    const { minter, entries } = await server(delegated(seconds));
    for (const request of [id, access]) {
      const refusal = await refusalOf(minter.mintServiceAccountToken({ ...request, ...changes }));
      expect(refusal[0]).toBe("PermissionDenied");
    }
    expect(entries).toEqual([]);
  });
});
