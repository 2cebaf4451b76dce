import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport, type Interceptor } from "@connectrpc/connect";
import { TokenMinter } from "@tokens/api";
import { Admin, CertificateAuthorities } from "@tokens/api/admin";
import { GroupsConfigSchema } from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { reports } from "../../test/reports.js";
import type { AuditEntry } from "../audit/audit-log.js";
import { noRecorder, type Recorder } from "../audit/recorder.js";
import { StorageUnavailable } from "../storage/storage-unavailable.js";
import { compileGroups } from "../access/groups.js";
import { PolicyFindings } from "../policies/policy-findings.js";
import { answerErrors } from "./answer-errors.js";
import { callerKey } from "./caller.js";
import { listenerKey, type ListenerName } from "./listener.js";
import { requireAdmin } from "./require-admin.js";

const root = "user:root@example.com";
const config = create(GroupsConfigSchema, { groups: [{ name: "administrators", members: [root] }] });
const groups = compileGroups(config, new PolicyFindings());

/** A call as it arrives: on a listener, if anybody said on which, and of a caller, if anybody did. */
interface Arrival {
  readonly listener?: ListenerName;
  readonly identity?: string;
}

/** Clients of a server whose calls arrive so, and what it records. */
function clientsOf({ listener, identity }: Arrival, failure?: Error, notes: AuditEntry[] = []) {
  const entries: AuditEntry[] = [];
  const recorder: Recorder = {
    ...noRecorder,
    record: async (entry) => {
      if (failure) throw failure;
      entries.push(entry);
    },
  };
  const arrive: Interceptor = (next) => (request) => {
    if (listener) request.contextValues.set(listenerKey, listener);
    if (identity !== undefined) request.contextValues.set(callerKey, { identity, peer: "bot:peer" });
    return next(request);
  };
  const transport = createRouterTransport(
    (router) => {
      router.rpc(Admin.method.importCAConfigs, () => ({ revision: "r1" }));
      router.rpc(CertificateAuthorities.method.listCAs, () => ({ cn: ["a"] }));
      router.rpc(TokenMinter.method.mintMachineToken, () => ({ serviceVersion: "v" }));
    },
    {
      router: {
        interceptors: [
          answerErrors(reports({ recorder: { ...noRecorder, note: (entry) => void notes.push(entry) } })),
          arrive,
          requireAdmin(() => ({ groups, revision: "r1" }), recorder, "app/1"),
        ],
      },
    },
  );
  return {
    admin: createClient(Admin, transport),
    cas: createClient(CertificateAuthorities, transport),
    minter: createClient(TokenMinter, transport),
    entries,
  };
}

async function codeOf(call: Promise<unknown>): Promise<Code | "ok"> {
  return call.then(
    () => "ok",
    (error: unknown) => ConnectError.from(error).code,
  );
}

describe("requireAdmin", () => {
  it.each<[string, Arrival]>([
    ["the admin listener's callers", { listener: "admin" }],
    ["administrators on the public listener", { listener: "public", identity: root }],
    ["administrators on a listener that nobody named", { identity: root }],
  ])("lets %s in", async (_, arrival) => {
    const { admin, cas } = clientsOf(arrival);
    expect(await codeOf(admin.importCAConfigs({}))).toBe("ok");
    expect(await codeOf(cas.listCAs({}))).toBe("ok");
  });

  it.each<[string, Arrival]>([
    ["nobody on the public listener", { listener: "public" }],
    ["nobody on a listener that nobody named", {}],
    ["others", { listener: "public", identity: "user:alice@example.com" }],
    ["who is called almost like an administrator", { listener: "public", identity: "user:Root@example.com" }],
    ["who calls itself local", { listener: "public", identity: "local" }],
  ])("refuses %s", async (_, arrival) => {
    const { admin, cas } = clientsOf(arrival);
    expect(await codeOf(admin.importCAConfigs({}))).toBe(Code.PermissionDenied);
    expect(await codeOf(cas.listCAs({}))).toBe(Code.PermissionDenied);
  });

  it("records each call, and calls whoever came in on the admin listener local", async () => {
    const local = clientsOf({ listener: "admin", identity: "user:alice@example.com" });
    await local.admin.importCAConfigs({});
    expect(local.entries).toMatchObject([
      { kind: "operation", columns: { caller: "local", method: "ImportCAConfigs", service_version: "app/1" } },
    ]);
    const remote = clientsOf({ identity: root });
    await remote.cas.listCAs({});
    expect(remote.entries).toMatchObject([{ columns: { caller: root, method: "ListCAs", peer_ip: "0.0.0.0" } }]);
  });

  it("serves no call that cannot be recorded, and records none that it refuses", async () => {
    const down = new StorageUnavailable("the database is gone");
    expect(await codeOf(clientsOf({ identity: root }, down).cas.listCAs({}))).toBe(Code.Unavailable);
    const stranger = clientsOf({});
    await codeOf(stranger.cas.listCAs({}));
    expect(stranger.entries).toEqual([]);
  });

  it("says by which group a caller is no administrator, in which policy", async () => {
    const notes: AuditEntry[] = [];
    const { admin } = clientsOf({ identity: "user:alice@example.com" }, undefined, notes);
    await codeOf(admin.importCAConfigs({}));
    const considered = [{ rule: "group administrators", failed: "caller" }];
    expect(notes).toMatchObject([
      { kind: "refusal", columns: { caller: "user:alice@example.com", policy_revision: "r1", considered } },
    ]);
  });

  it("leaves the other services alone", async () => {
    expect(await codeOf(clientsOf({}).minter.mintMachineToken({}))).toBe("ok");
  });
});
