import { generateKeyPairSync, sign } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { GroupsConfigSchema } from "@tokens/api/config";
import { fixedTrust, type TrustSource, trustFromDocument, TrustUnavailable } from "@tokens/machine-auth";
import { encodeDelegationToken, encodeSubtoken, type Subtoken } from "@tokens/machine-auth/delegation-token";
import { createSelfSignedCertificate, toPem } from "@tokens/pki/x509";
import { beforeAll, describe, expect, it } from "vitest";
import { Unavailable } from "../errors.js";
import { localSigner } from "../keys/local-signer.js";
import { signMachineToken } from "../machine-tokens/sign-machine-token.js";
import { PolicyFindings } from "../policies/policy-findings.js";
import { publicDocuments } from "../trust/public-documents.js";
import { compileGroups } from "./groups.js";
import { callerIdentifier } from "./identify-caller.js";

const nowMs = Date.parse("2026-06-01T12:00:00Z");
const server = { appId: "tokens", serviceAccount: "minter@example.com", serviceVersion: "tokens/1" };
const luciService = "user:service@example.com";
const alice = "user:alice@example.com";
const bot = "bot:host-1.example.com";
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const groupsConfig = create(GroupsConfigSchema, {
  groups: [
    { name: "auth-luci-services", members: [luciService] },
    { name: "backends", globs: ["bot:*.example.com"] },
  ],
});
const groups = compileGroups(groupsConfig, new PolicyFindings());

let trust: TrustSource;
let machineToken: string;
let keyId: string;
beforeAll(async () => {
  const [notBefore, notAfter] = [new Date("2026-01-01T00:00:00Z"), new Date("2036-01-01T00:00:00Z")];
  const der = await createSelfSignedCertificate({ privateKey, commonName: "Signer", notBefore, notAfter });
  const signer = localSigner(privateKey, toPem("CERTIFICATE", der));
  keyId = signer.keyId;
  const documents = publicDocuments(
    server,
    () => [signer],
    () => nowMs,
  );
  trust = fixedTrust(trustFromDocument(documents.get("/auth/api/v1/server/certificates")?.() ?? ""));
  const grant = { fqdn: "host-1.example.com", lifetimeSeconds: 60, caId: 7n, certSn: Uint8Array.of(1), audience: [] };
  machineToken = (await signMachineToken(grant, server.serviceAccount, signer, nowMs)).token;
});

function delegationToken(changes: Partial<Subtoken> = {}): string {
  const serializedSubtoken = encodeSubtoken({
    delegatedIdentity: alice,
    creationTime: nowMs / 1000,
    validityDuration: 60,
    subtokenId: 5n,
    audience: ["group:backends"],
    services: ["service:tokens"],
    requestorIdentity: alice,
    kind: 1,
    tags: [],
    ...changes,
  });
  const pkcs1Sha256Sig = sign("sha256", serializedSubtoken, privateKey);
  const signerId = `user:${server.serviceAccount}`;
  return encodeDelegationToken({ signerId, signingKeyId: keyId, pkcs1Sha256Sig, serializedSubtoken });
}

/** Who a call is of, whose peer is known by other means or not. */
function identify(
  peer: string | undefined,
  headers: Record<string, string> = {},
  { source = trust, atMs = nowMs } = {},
) {
  const identifyCaller = callerIdentifier({
    kinds: [{ identify: async () => peer }],
    trust: source,
    service: "service:tokens",
    policy: () => ({ groups, revision: "r1" }),
    clock: () => atMs,
  });
  return identifyCaller({ headers: new Headers(headers), clientCertificate: undefined, nowMs: atMs });
}

describe("the peer", () => {
  it("is the caller, if it does not act for somebody else", async () => {
    expect(await identify(alice)).toEqual({ identity: alice, peer: alice });
  });

  it("is anonymous without a credential", async () => {
    expect(await identify(undefined)).toEqual({ identity: "anonymous:anonymous", peer: "anonymous:anonymous" });
  });

  it("may be a machine with a token of this server", async () => {
    const headers = { "x-luci-machine-token": machineToken };
    expect(await identify(undefined, headers)).toEqual({ identity: bot, peer: bot });
    expect(await identify(bot, headers)).toEqual({ identity: bot, peer: bot });
  });

  it("is refused if its token names another than its other credentials", async () => {
    const call = identify(alice, { "x-luci-machine-token": machineToken });
    await expect(call).rejects.toMatchObject({
      code: Code.Unauthenticated,
      detail: `credentials of ${alice} and ${bot}`,
    });
  });

  it.each([
    ["garbage", () => "garbage", nowMs, "MALFORMED"],
    ["two tokens in one header", () => `${machineToken}, ${machineToken}`, nowMs, "MALFORMED"],
    ["a token that has expired", () => machineToken, nowMs + 71_000, "EXPIRED"],
    ["a delegation token", () => delegationToken(), nowMs, "MALFORMED"],
  ])("is refused with %s", async (_, token, atMs, code) => {
    for (const peer of [undefined, bot]) {
      const call = identify(peer, { "x-luci-machine-token": token() }, { atMs });
      await expect(call).rejects.toMatchObject({
        code: Code.Unauthenticated,
        message: "invalid token of this server",
        detail: expect.stringContaining(code),
      });
    }
  });
});

describe("delegation", () => {
  const act = (token: string) => ({ "x-delegation-token-v1": token });

  it("makes another caller of a peer, and says by which token", async () => {
    expect(await identify(bot, act(delegationToken()))).toMatchObject({
      identity: alice,
      peer: bot,
      delegation: { subtokenId: 5n, expiresAt: nowMs / 1000 + 60 },
    });
    const headers = { ...act(delegationToken()), "x-luci-machine-token": machineToken };
    expect(await identify(undefined, headers)).toMatchObject({ identity: alice, peer: bot });
  });

  it("goes before a project", async () => {
    const headers = { ...act(delegationToken({ audience: ["*"] })), "x-luci-project": "lab" };
    expect(await identify(luciService, headers)).toMatchObject({ identity: alice, peer: luciService });
    expect(await identify(undefined, headers)).toMatchObject({ identity: alice, peer: "anonymous:anonymous" });
  });

  it.each<[string, string | undefined, Partial<Subtoken>, string]>([
    ["another audience", luciService, {}, "WRONG_AUDIENCE"],
    ["no credential", undefined, {}, "WRONG_AUDIENCE"],
    ["another service", bot, { services: ["service:other"] }, "WRONG_SERVICE"],
    ["an expired token", bot, { creationTime: nowMs / 1000 - 61 }, "EXPIRED"],
    ["an unknown kind", bot, { kind: 0 }, "WRONG_KIND"],
    ["nobody to act for", bot, { delegatedIdentity: "alice" }, "BAD_IDENTITY"],
  ])("is refused with %s", async (_, peer, changes, code) => {
    const call = identify(peer, act(delegationToken(changes)));
    await expect(call).rejects.toMatchObject({ code: Code.Unauthenticated, detail: expect.stringContaining(code) });
  });
});

describe("X-Luci-Project", () => {
  const act = (project: string) => ({ "x-luci-project": project });

  it("lets LUCI's services act for a project, and nobody else", async () => {
    expect(await identify(luciService, act("lab"))).toEqual({ identity: "project:lab", peer: luciService });
    await expect(identify(alice, act("lab"))).rejects.toMatchObject({ code: Code.PermissionDenied });
    await expect(identify(undefined, act("lab"))).rejects.toMatchObject({ code: Code.PermissionDenied });
  });

  it.each(["Lab", "a b", "a:b", "a, b", "@internal"])("is refused with %j, which is no project", async (project) => {
    await expect(identify(luciService, act(project))).rejects.toMatchObject({ code: Code.Unauthenticated });
  });
});

describe("a refusal", () => {
  const speakers = { policyRevision: "r1", considered: [{ rule: "group auth-luci-services", failed: "peer" }] };
  const noRules = { policyRevision: "r1", considered: [] };
  const byToken = () => ({ "x-luci-machine-token": machineToken });

  it("says who the peer had proved to be, and which rule was asked about it", async () => {
    const project = { "x-luci-project": "lab" };
    await expect(identify(alice, project)).rejects.toMatchObject({ peer: alice, explanation: speakers });
    const machine = identify(undefined, { ...byToken(), ...project });
    await expect(machine).rejects.toMatchObject({ peer: bot, explanation: speakers });
    const wrong = identify(luciService, { "x-luci-project": "a b" });
    await expect(wrong).rejects.toMatchObject({ peer: luciService, explanation: noRules });
  });

  it("is one of a known peer, too, whose further token is bad", async () => {
    const bad = { "x-delegation-token-v1": "garbage" };
    await expect(identify(alice, bad)).rejects.toMatchObject({ peer: alice, explanation: noRules });
    await expect(identify(undefined, { ...byToken(), ...bad })).rejects.toMatchObject({ peer: bot });
    await expect(identify(alice, byToken())).rejects.toMatchObject({ peer: alice });
  });

  it("is one of a stranger if nothing good was proved", async () => {
    const strangers = [{ "x-luci-project": "lab" }, { "x-luci-machine-token": "garbage" }];
    for (const headers of strangers) {
      await expect(identify(undefined, headers)).rejects.toMatchObject({ name: "Refusal", peer: undefined });
    }
  });
});

it("cannot tell without trust, and refuses nobody then", async () => {
  const fail = () => Promise.reject(new TrustUnavailable("NEVER_FETCHED", "nothing yet"));
  const source = { ...trust, ready: fail, refresh: fail };
  await expect(identify(undefined, { "x-luci-machine-token": machineToken }, { source })).rejects.toThrow(Unavailable);
  expect(await identify(alice, {}, { source })).toEqual({ identity: alice, peer: alice });
  // An outage is no refusal of anybody, and explains nothing.
  const outage = await identify(bot, { "x-luci-machine-token": machineToken }, { source }).catch(
    (error: unknown) => error,
  );
  expect(outage).toBeInstanceOf(Unavailable);
  for (const told of ["peer", "explanation"]) expect(outage).not.toHaveProperty(told);
});
