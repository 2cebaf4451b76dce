import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type MintProjectTokenRequestSchema, TokenMinter } from "@tokens/api";
import { tokenFingerprint } from "@tokens/machine-auth/machine-token";
import { describe, expect, it } from "vitest";
import { minterFor, refusalOf } from "../../test/minting.js";
import type { Caller } from "../access/caller.js";
import { type AccessTokenRequest, CredentialRefused } from "../credentials/credential-backend.js";
import { Unavailable } from "../errors.js";
import { compilePolicy } from "../policies/compile-policy.js";
import { policyOfFiles } from "../policies/policy-reader.js";
import { StorageUnavailable } from "../storage/storage-unavailable.js";
import { projectTokenRpc } from "./mint-project-token.js";

type Request = MessageInitShape<typeof MintProjectTokenRequestSchema>;

const nowMs = Date.parse("2026-06-01T12:00:00.250Z");
const actor = "user:actor@example.com";
const good: Request = { luciProject: "lab", oauthScope: ["b", "a", "b"] };
const files = {
  "groups.cfg": `groups { name: "auth-project-actors" members: ["${actor}", "service:actor"] }`,
  "projects.cfg": 'projects { id: "lab" identity_config { service_account_email: "lab@x.y" } } projects { id: "bare" }',
};

type Mint = (request: AccessTokenRequest) => Promise<{ token: string; expiryMs: number }>;
const hour: Mint = () => Promise.resolve({ token: "the-access-token", expiryMs: nowMs + 3600_000 });

async function server(caller: Caller, accessToken: Mint = hour, failure?: Error) {
  const { policy } = await compilePolicy(policyOfFiles(files));
  const register = { credentials: { accessToken }, policy: () => policy, clock: () => nowMs };
  const test = minterFor(
    caller,
    (router, parts) => void router.rpc(TokenMinter.method.mintProjectToken, projectTokenRpc({ ...parts, ...register })),
    failure,
  );
  return { ...test, revision: policy.revision };
}

const self = (identity: string): Caller => ({ identity, peer: identity });
const delegation = {
  delegatedIdentity: actor,
  requestorIdentity: actor,
  subtokenId: 1n,
  audience: ["*"],
  services: ["*"],
  tags: [],
  issuedAt: nowMs / 1000,
  expiresAt: nowMs / 1000 + 3600,
};

describe("MintProjectToken", () => {
  it("gets an access token of the project's account, with the scopes in order and for as long as asked", async () => {
    const asked: AccessTokenRequest[] = [];
    const { minter } = await server(self(actor), (request) => (asked.push(request), hour(request)));
    const response = await minter.mintProjectToken(good);
    expect(response).toMatchObject({ serviceAccountEmail: "lab@x.y", accessToken: "the-access-token" });
    expect(response.serviceVersion).toBe("app/1");
    expect(response.expiry && timestampMs(response.expiry)).toBe(nowMs + 3600_000);
    await minter.mintProjectToken({ ...good, minValidityDuration: 1800n });
    const request = { account: "lab@x.y", caller: actor, delegates: [], scopes: ["a", "b"], notAfterMs: undefined };
    expect(asked).toEqual([
      { ...request, minValiditySeconds: 300 },
      { ...request, minValiditySeconds: 1800 },
    ]);
  });

  const stranger = self("user:stranger@example.com");
  const everythingWrong: Request = { minValidityDuration: -1n, auditTags: ["x"] };
  it.each<[string, Caller, Request, string, RegExp]>([
    ["no scope", stranger, everythingWrong, "InvalidArgument", /oauth_scope is required/],
    ["a negative time", stranger, { ...everythingWrong, oauthScope: [""] }, "InvalidArgument", /must be positive/],
    ["more than half an hour", stranger, { ...good, minValidityDuration: 1801n }, "InvalidArgument", /exceed 1800/],
    ["a bad tag", stranger, { oauthScope: ["a"], auditTags: ["x"] }, "InvalidArgument", /audit_tags - tag #1/],
    ["no project", stranger, { oauthScope: ["a"] }, "InvalidArgument", /luci_project is empty/],
    ["somebody else's peer", { identity: actor, peer: "bot:a.b" }, good, "PermissionDenied", /delegation is forbidden/],
    ["a delegation for itself", { ...self(actor), delegation }, good, "PermissionDenied", /delegation is forbidden/],
    ["a stranger", stranger, { ...good, luciProject: "none" }, "PermissionDenied", /^access denied$/],
    ["nobody", self("anonymous:anonymous"), good, "PermissionDenied", /^access denied$/],
    ["an unknown project", self(actor), { ...good, luciProject: "none" }, "NotFound", /project identity for .*"none"/],
    ["a project without an account", self(actor), { ...good, luciProject: "bare" }, "NotFound", /"bare"/],
  ])("refuses, in LUCI's order, %s", async (_, caller, request, code, message) => {
    const { minter, entries, notes, revision } = await server(caller, () => expect.unreachable("nothing is asked for"));
    expect(await refusalOf(minter.mintProjectToken(request))).toEqual([code, expect.stringMatching(message)]);
    expect(entries).toEqual([]);
    const record = { columns: { caller: caller.identity, reason: code, policy_revision: revision } };
    expect(notes).toMatchObject(caller.identity.startsWith("anonymous:") ? [] : [record]);
  });

  it("says which group would have allowed it", async () => {
    const { minter, notes } = await server(stranger);
    await refusalOf(minter.mintProjectToken(good));
    expect(notes).toMatchObject([
      { columns: { considered: [{ rule: "group auth-project-actors", failed: "caller" }] } },
    ]);
  });

  it.each<[string, Error, string, RegExp]>([
    [
      "a no",
      new CredentialRefused("REFUSED", "secret"),
      "FailedPrecondition",
      /^failed to mint token for .* lab@x\.y$/,
    ],
    ["a short life", new CredentialRefused("TOO_SHORT", "secret"), "FailedPrecondition", /^failed to mint token/],
    ["an outage", new Unavailable("cannot get tokens now", "secret"), "Unavailable", /^cannot get tokens now$/],
    ["a bug", new TypeError("secret"), "Internal", /^internal error$/],
  ])("answers %s of whoever makes the token", async (_, error, code, message) => {
    const { minter, entries } = await server(self(actor), () => Promise.reject(error));
    expect(await refusalOf(minter.mintProjectToken(good))).toEqual([code, expect.stringMatching(message)]);
    expect(entries).toEqual([]);
  });

  it("records each token in LUCI's columns, and never the token", async () => {
    const { minter, entries, counted } = await server(self(actor));
    await minter.mintProjectToken({ ...good, auditTags: ["k:v"] });
    expect(counted).toEqual([["tokens_minted_total", { kind: "project" }]]);
    expect(entries).toEqual([
      {
        kind: "project",
        columns: {
          fingerprint: tokenFingerprint("the-access-token"),
          service_account: "lab@x.y",
          oauth_scopes: ["b", "a", "b"],
          luci_project: "lab",
          service_identity: "actor@example.com",
          requested_at: "2026-06-01T12:00:00.250Z",
          expiration: "2026-06-01T13:00:00.250Z",
          audit_tags: ["k:v"],
          peer_ip: "0.0.0.0",
          service_version: "app/1",
          gae_request_id: "0".repeat(32),
          auth_db_rev: "0",
        },
      },
    ]);
    const other = await server(self("service:actor"));
    await other.minter.mintProjectToken(good);
    expect(other.entries[0]?.columns["service_identity"]).toBe("");
  });

  it("hands out no token whose record is not committed", async () => {
    const { minter } = await server(self(actor), hour, new StorageUnavailable("down"));
    expect((await refusalOf(minter.mintProjectToken(good)))[0]).toBe("Unavailable");
  });
});
