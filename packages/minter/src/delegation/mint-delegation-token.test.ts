import { createPrivateKey } from "node:crypto";
import { fromJson, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport, type Interceptor } from "@connectrpc/connect";
import { MintDelegationTokenRequestSchema, SubtokenSchema, TokenMinter } from "@tokens/api";
import { Admin, InspectDelegationTokenResponseSchema } from "@tokens/api/admin";
import { type Delegation, fixedTrust, trustFromDocument, verifyDelegationToken } from "@tokens/machine-auth";
import { expect, it } from "vitest";
import { describeWithVectors, readJsonVector, readVector } from "shared-vectors";
import { reports, silent } from "../../test/reports.js";
import type { AuditEntry } from "../audit/audit-log.js";
import { noRecorder } from "../audit/recorder.js";
import { localSigner } from "../keys/local-signer.js";
import { noMetrics } from "../metrics.js";
import { compilePolicy } from "../policies/compile-policy.js";
import { policyOfFiles } from "../policies/policy-reader.js";
import { answerErrors } from "../rpc/answer-errors.js";
import { callerKey } from "../rpc/caller.js";
import { StorageUnavailable } from "../storage/storage-unavailable.js";
import { inspectDelegationTokenRpc } from "./inspect-delegation-token.js";
import { delegationTokenRpc } from "./mint-delegation-token.js";
import { ServiceUrls } from "./service-urls.js";

const serviceAccount = "minter@tokens.example.com";
const clock = () => Date.parse("2026-06-01T12:00:00Z");

/** The server of the golden vectors, as somebody calls it. */
async function serverFor(caller: string, peer = caller, failure?: Error, delegation?: Delegation) {
  const text = (path: string) => readVector(path).toString("utf8");
  const lists = readJsonVector<Record<string, string[]>>("delegation/groups.json");
  const groups = Object.entries(lists).map(([name, members]) => ({ name, members }));
  const files = { "delegation.cfg": text("delegation/delegation.cfg"), "groups.yaml": JSON.stringify({ groups }) };
  const { policy } = await compilePolicy(policyOfFiles(files));
  const keyId = "5b45716cc9f8bcb27b814ef5aa1a29bb5e85ee12";
  const signer = localSigner(createPrivateKey(text("pki/keys/signing.key.pem")), text("pki/signing.cert.pem"), keyId);
  const trust = trustFromDocument(text("machine-token/certificates.json"));
  const entries: AuditEntry[] = [];
  const notes: AuditEntry[] = [];
  const counted: [string, object | undefined][] = [];
  const logged: object[] = [];
  const record = async (entry: AuditEntry) => {
    if (failure) throw failure;
    entries.push(entry);
  };
  const parts = {
    serviceAccount,
    serviceVersion: "example-token-server/1.2.3",
    log: { ...silent, info: (fields: object) => void logged.push(fields) },
    metrics: { ...noMetrics, count: (name: string, labels?: object) => void counted.push([name, labels]) },
    clock,
  };
  const resolve = () => Promise.resolve([{ address: "127.0.0.1", family: 4 }]);
  const services = new ServiceUrls({ hosts: new Set(), resolve, clock });
  const mint = delegationTokenRpc({
    ...parts,
    policy: () => policy,
    resolveServices: (urls) => services.resolve(urls),
    signer: () => signer,
    recorder: { ...noRecorder, record },
  });
  const arrive: Interceptor = (next) => (request) => {
    request.contextValues.set(callerKey, { identity: caller, peer, ...(delegation && { delegation }) });
    return next(request);
  };
  const transport = createRouterTransport(
    (router) => {
      router.rpc(TokenMinter.method.mintDelegationToken, mint);
      router.rpc(
        Admin.method.inspectDelegationToken,
        inspectDelegationTokenRpc({ trust: fixedTrust(trust), serviceAccount, clock }),
      );
    },
    {
      router: {
        interceptors: [
          answerErrors(reports({ recorder: { ...noRecorder, note: (entry) => void notes.push(entry) } })),
          arrive,
        ],
      },
    },
  );
  return {
    minter: createClient(TokenMinter, transport),
    admin: createClient(Admin, transport),
    entries,
    notes,
    counted,
    logged,
    keyId,
    trust,
    revision: policy.revision,
  };
}

type Request = MessageInitShape<typeof MintDelegationTokenRequestSchema>;

const self: Request = { delegatedIdentity: "REQUESTOR", audience: ["REQUESTOR"], services: ["*"] };
const alice = "user:alice@example.com";

async function refusalOf(call: Promise<unknown>): Promise<[code: string, message: string]> {
  const error = ConnectError.from(
    await call.then(
      () => expect.unreachable("it was minted"),
      (thrown: unknown) => thrown,
    ),
  );
  return [Code[error.code] ?? "", error.rawMessage];
}

describeWithVectors("MintDelegationToken", () => {
  interface MintCase {
    name: string;
    caller: string;
    peer?: string;
    request: JsonObject;
    config?: string;
    luci: { grpc_code: number; response?: { delegationSubtoken: JsonObject } };
  }
  const { cases } = readJsonVector<{ cases: MintCase[] }>("delegation/mint.json");

  // Where nothing was ever imported LUCI has no rules at all; our server does not start without a policy.
  it.each(cases.filter(({ name }) => name !== "no-policy"))("answers as LUCI's: $name", async (mintCase) => {
    const { minter } = await serverFor(mintCase.caller, mintCase.peer);
    const request = fromJson(MintDelegationTokenRequestSchema, mintCase.request);
    const answer = await minter.mintDelegationToken(request).catch((error: unknown) => ConnectError.from(error));
    const { luci } = mintCase;
    if (answer instanceof ConnectError) return expect(Code[answer.code]).toBe(Code[luci.grpc_code]);
    expect(luci.grpc_code).toBe(0);
    const expected = fromJson(SubtokenSchema, luci.response?.delegationSubtoken ?? {});
    expect({ ...answer.delegationSubtoken, subtokenId: 0n }).toEqual({ ...expected, subtokenId: 0n });
    expect(answer.delegationSubtoken?.subtokenId).toBeGreaterThan(0n);
  });

  it("makes tokens that verifiers accept, from whom and where they are meant for alone", async () => {
    const { minter, trust } = await serverFor("user:robot@example.com");
    const { token } = await minter.mintDelegationToken({
      delegatedIdentity: "user:carol@example.com",
      audience: ["user:robot@example.com"],
      services: ["service:files"],
    });
    const context = { peer: "user:robot@example.com", service: "service:files", now: clock() / 1000 };
    const delegation = await verifyDelegationToken(token, trust, context);
    expect(delegation.delegatedIdentity).toBe("user:carol@example.com");
    for (const changes of [{ peer: alice }, { service: "service:log" }, { now: clock() / 1000 + 3601 }]) {
      await expect(verifyDelegationToken(token, trust, { ...context, ...changes })).rejects.toThrow();
    }
  });

  it("checks in LUCI's order", async () => {
    const bad: Request = { validityDuration: -1n, tags: ["x"] };
    const steps: [string, string | undefined, Request, string, RegExp][] = [
      [alice, "bot:a.b", bad, "PermissionDenied", /delegation is forbidden/],
      ["anonymous:anonymous", undefined, bad, "Unauthenticated", /authentication required/],
      ["user:nobody@example.com", undefined, bad, "PermissionDenied", /not authorized/],
      [alice, undefined, bad, "InvalidArgument", /'validity_duration' \(-1\)/],
      [alice, undefined, { tags: ["x"] }, "InvalidArgument", /'tags': tag #1/],
      [alice, undefined, {}, "InvalidArgument", /'delegated_identity' is required/],
      [alice, undefined, { delegatedIdentity: "x" }, "InvalidArgument", /bad 'delegated_identity'/],
      [alice, undefined, { ...self, audience: [] }, "InvalidArgument", /'audience' is required/],
      [alice, undefined, { ...self, audience: ["x"], services: [] }, "InvalidArgument", /bad 'audience'/],
      [alice, undefined, { ...self, services: [] }, "InvalidArgument", /'services' is required/],
      [alice, undefined, { ...self, services: ["x"] }, "InvalidArgument", /bad 'services'/],
      [alice, undefined, { ...self, services: ["group:g"] }, "InvalidArgument", /can't specify groups/],
      [alice, undefined, { ...self, services: [alice] }, "InvalidArgument", /is not a service ID/],
      [alice, undefined, { ...self, services: ["https://a.b"] }, "InvalidArgument", /could not resolve/],
      [alice, undefined, { ...self, audience: ["*"] }, "PermissionDenied", /no matching delegation rules/],
      [alice, undefined, { ...self, validityDuration: 3601n }, "PermissionDenied", /exceeds the maximum/],
    ];
    for (const [caller, peer, request, code, message] of steps) {
      const { minter, notes, revision } = await serverFor(caller, peer);
      const refusal = await refusalOf(minter.mintDelegationToken(request));
      expect(refusal).toEqual([code, expect.stringMatching(message)]);
      const record = { columns: { caller, reason: code, policy_revision: revision } };
      // A stranger's refusal is only counted.
      expect(notes).toMatchObject(caller === "anonymous:anonymous" ? [] : [record]);
    }
  });

  it("mints nothing under a delegation token, not even one of the caller for itself", async () => {
    const { minter, trust } = await serverFor(alice);
    const { token } = await minter.mintDelegationToken(self);
    const context = { peer: alice, service: "service:files", now: clock() / 1000 };
    const delegation = await verifyDelegationToken(token, trust, context);
    const chained = await serverFor(alice, alice, undefined, delegation);
    expect((await refusalOf(chained.minter.mintDelegationToken(self)))[0]).toBe("PermissionDenied");
  });

  it("refuses a token of more than 8192 bytes, and lists of more than 64 entries", async () => {
    const { minter } = await serverFor(alice);
    const tags = Array.from({ length: 10 }, () => `k:${"v".repeat(1024)}`);
    expect(await refusalOf(minter.mintDelegationToken({ ...self, tags }))).toEqual([
      "InvalidArgument",
      expect.stringContaining("8192 bytes"),
    ]);
    const audience = Array.from({ length: 65 }, () => alice);
    expect((await refusalOf(minter.mintDelegationToken({ ...self, audience })))[1]).toContain("more than 64 entries");
  });

  it("makes a token of 8192 bytes", async () => {
    const { minter, trust } = await serverFor(alice);
    const mintWith = async (...lengths: number[]) => {
      const tags = [1000, 1000, 1000, 1000, 1000, 1000, ...lengths].map((length) => `k:${"v".repeat(length)}`);
      // One random id in 128 is under 2^56, and a byte shorter than the others.
      for (;;) {
        const { token, delegationSubtoken } = await minter.mintDelegationToken({ ...self, tags });
        if (delegationSubtoken!.subtokenId >= 2n ** 56n) return token;
      }
    };
    const missing = 8192 - Buffer.from(await mintWith(500, 500), "base64url").length;
    const half = Math.floor(missing / 2);
    const token = await mintWith(500 + half, 500 + missing - half);
    expect(Buffer.from(token, "base64url")).toHaveLength(8192);
    const context = { peer: alice, service: "service:files", now: clock() / 1000 };
    expect((await verifyDelegationToken(token, trust, context)).tags).toHaveLength(8);
  });

  it("gives every token an id of its own, of 63 random bits", async () => {
    const { minter, entries } = await serverFor(alice);
    const ids = [];
    for (let i = 0; i < 20; i++)
      ids.push((await minter.mintDelegationToken(self)).delegationSubtoken?.subtokenId ?? 0n);
    expect(new Set(ids).size).toBe(20);
    for (const id of ids) expect(id > 0n && id < 2n ** 63n).toBe(true);
    expect(ids.some((id) => id > 2n ** 55n)).toBe(true);
    expect(entries.map(({ columns }) => columns["token_id"])).toEqual(ids.map(String));
  });

  it("says in the record of a refusal what each rule said to the request", async () => {
    const consideredFor = async (caller: string, request: Request) => {
      const { minter, notes } = await serverFor(caller);
      await refusalOf(minter.mintDelegationToken(request));
      return notes[0]?.columns["considered"];
    };
    const ofRobots = ["robot-for-people", "robot-anything-at-log"];
    const rules = ["self-service", ...ofRobots, "overlap-1", "overlap-2", "allow-project-identities"];
    const misfits = (failed: Record<string, string | undefined>) =>
      rules.map((rule) => ({ rule, failed: rule in failed ? failed[rule] : "requestor" }));
    expect(await consideredFor("user:nobody@example.com", self)).toEqual(misfits({}));
    expect(await consideredFor(alice, { ...self, audience: ["*"] })).toEqual(
      misfits({ "self-service": "allowed_audience" }),
    );
    expect(await consideredFor(alice, { ...self, validityDuration: 3601n })).toEqual(
      misfits({ "self-service": "max_validity_duration" }),
    );
    const request = {
      delegatedIdentity: "user:frank@example.com",
      audience: ["REQUESTOR"],
      services: ["service:files"],
    };
    const overlapping = (validityDuration: bigint) =>
      consideredFor("user:overlap@example.com", { ...request, validityDuration });
    expect(await overlapping(100n)).toEqual(misfits({ "overlap-1": undefined, "overlap-2": undefined }));
    expect(await overlapping(101n)).toEqual(misfits({ "overlap-1": "max_validity_duration", "overlap-2": undefined }));
  });

  it("counts each token, and logs by which key it was signed", async () => {
    const { minter, counted, logged, keyId } = await serverFor(alice);
    await minter.mintDelegationToken(self);
    expect(counted).toEqual([["tokens_minted_total", { kind: "delegation" }]]);
    expect(logged).toEqual([expect.objectContaining({ keyId, config_rule: "self-service" })]);
  });

  it("hands out no token whose record is not committed", async () => {
    const { minter } = await serverFor(alice, alice, new StorageUnavailable("down"));
    expect((await refusalOf(minter.mintDelegationToken(self)))[0]).toBe("Unavailable");
  });

  it("records each token in LUCI's columns, and never the token", async () => {
    const { minter, entries } = await serverFor(alice);
    const { token } = await minter.mintDelegationToken({ ...self, tags: ["k:v"], intent: "why not" });
    expect(entries).toMatchObject([
      {
        kind: "delegation",
        columns: {
          delegated_identity: alice,
          requestor_identity: alice,
          target_services: ["*"],
          requested_validity: "3600",
          requested_intent: "why not",
          config_rule: "self-service",
          expiration: "2026-06-01T13:00:00Z",
        },
      },
    ]);
    expect(JSON.stringify(entries)).not.toContain(token.slice(40, 80));
  });
});

describeWithVectors("InspectDelegationToken", () => {
  interface InspectCase {
    name: string;
    token: string;
    inspect?: { response?: JsonObject };
  }
  const { cases } = readJsonVector<{ cases: InspectCase[] }>("delegation/cases.json");

  /** LUCI's server reads these; no verifier of ours does, so they are not valid. */
  const strict = [
    "envelope-subtoken-garbage",
    "size-8193",
    "subtoken-audience-empty-string",
    "subtoken-creation-max",
    "subtoken-creation-negative",
    "subtoken-duration-negative",
    "text-trailing-lf",
    "wire-reserved-1",
    "wire-subtoken-audience-more",
    "wire-subtoken-kind-twice",
    "wire-unknown-field",
  ];

  it.each(cases.filter(({ inspect }) => inspect?.response))("says what LUCI's does: $name", async (inspectCase) => {
    const { admin } = await serverFor("user:root@example.com");
    const ours = await admin.inspectDelegationToken({ token: inspectCase.token });
    const theirs = fromJson(InspectDelegationTokenResponseSchema, inspectCase.inspect?.response ?? {});
    expect(ours.invalidityReason === "").toBe(ours.valid);
    if (ours.valid) expect(theirs.valid).toBe(true);
    if (!strict.includes(inspectCase.name)) {
      expect({ ...ours, invalidityReason: "" }).toEqual({ ...theirs, invalidityReason: "" });
    } else {
      expect(ours.valid).toBe(false);
      expect(ours.invalidityReason).toMatch(/canonical form|unpadded base64|more than 8192 bytes/);
    }
  });

  it("says everything about a good token", async () => {
    const { minter, admin } = await serverFor(alice);
    const { token, delegationSubtoken } = await minter.mintDelegationToken(self);
    const answer = await admin.inspectDelegationToken({ token });
    expect(answer).toMatchObject({ valid: true, signed: true, nonExpired: true, invalidityReason: "" });
    expect(answer.subtoken).toEqual(delegationSubtoken);
    expect(answer.envelope?.signerId).toBe(`user:${serviceAccount}`);
    const flipped = `${token.slice(0, 100)}${token[100] === "A" ? "B" : "A"}${token.slice(101)}`;
    expect(await admin.inspectDelegationToken({ token: flipped })).toMatchObject({ valid: false });
    expect(await admin.inspectDelegationToken({ token: "" })).toMatchObject({ valid: false, signed: false });
  });
});
