import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silent } from "../../test/reports.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { Storage } from "../storage/storage.js";
import { StorageUnavailable } from "../storage/storage-unavailable.js";
import { PoliciesInForce } from "./policies-in-force.js";
import { PolicyError } from "./policy-problem.js";

const a = { "groups.cfg": 'groups { name: "a" }' };
const b = { "groups.cfg": 'groups { name: "b" }' };
const bad = { "groups.cfg": 'groups { name: "B" }' };
const failing = { "groups.cfg": 'cases { identity: "bot:a" group: "administrators" expect: ALLOW }' };

let storage: Storage;
beforeEach(async () => void (storage = await openSqliteStorage(":memory:")));
afterEach(() => storage.close());

/** A replica whose files can be changed, and what it logs. */
async function replica(files: Record<string, string>, store = storage.policies) {
  const state = { files, entries: [] as [fields: Record<string, unknown>, message: string][] };
  const note = (fields: Record<string, unknown>, message: string) => void state.entries.push([fields, message]);
  const source = { read: async (path: string) => state.files[path] };
  const log = { ...silent, info: note, error: note };
  const policies = await PoliciesInForce.open({ source, store, log, clock: () => 1_000 });
  return { state, policies, has: (group: string) => policies.current().groups.isDefined(group) };
}

describe("PoliciesInForce", () => {
  it("begins with what its files say, and keeps that", async () => {
    const { policies, has } = await replica(a);
    expect(has("a")).toBe(true);
    const stored = await storage.policies.current();
    expect(stored).toEqual({ revision: policies.current().revision, files: a, importedAtMs: 1_000 });
  });

  it("imports changes, says what they are, and logs them", async () => {
    const { state, policies, has } = await replica(a);
    state.files = b;
    const imported = await policies.import();
    expect(imported.changes).toEqual(['groups.groups: - {"name":"a"}', 'groups.groups: + {"name":"b"}']);
    expect(imported.revision).toBe(policies.current().revision);
    expect([has("a"), has("b")]).toEqual([false, true]);
    expect(state.entries.at(-1)).toMatchObject([{ changes: imported.changes }, "policy imported"]);
    const logged = state.entries.length;
    expect(await policies.import()).toEqual({ ...imported, changes: [] });
    expect(state.entries).toHaveLength(logged);
  });

  it.each([
    ["has errors", bad],
    ["fails its own tests", failing],
  ])("imports nothing that %s: what was in force stays", async (_, files) => {
    const { state, policies, has } = await replica(a);
    const { revision } = policies.current();
    state.files = files;
    await expect(policies.import()).rejects.toThrow(PolicyError);
    expect(has("a")).toBe(true);
    expect((await storage.policies.current())?.revision).toBe(revision);
  });

  it("does not begin with bad files, unless there was a policy before", async () => {
    await expect(replica(bad)).rejects.toThrow("groups.cfg:1:10");
    await replica(a);
    const { state, has } = await replica(bad);
    expect(has("a")).toBe(true);
    expect(state.entries.at(-1)?.[1]).toBe("the policy files cannot be used; the policy before stays in force");
  });

  it("puts nothing into force that it cannot keep", async () => {
    const { state, policies, has } = await replica(a, {
      current: () => storage.policies.current(),
      put: (revision) =>
        "groups.cfg" in revision.files && revision.files["groups.cfg"] === b["groups.cfg"]
          ? Promise.reject(new StorageUnavailable("down"))
          : storage.policies.put(revision),
    });
    state.files = b;
    await expect(policies.import()).rejects.toThrow(StorageUnavailable);
    expect([has("a"), has("b")]).toEqual([true, false]);
  });

  it("does not import files that change while they are read", async () => {
    const { state, policies } = await replica(a);
    const { read } = { read: (count: number) => ({ "groups.cfg": `groups { name: "g${count}" }` }) };
    let reads = 0;
    Object.defineProperty(state, "files", { get: () => read(reads++) });
    await expect(policies.import()).rejects.toThrow("change while they are read");
  });
});

describe("replicas", () => {
  it("take over what one of them imports", async () => {
    const [first, second] = [await replica(a), await replica(a)];
    first.state.files = b;
    await first.policies.import();
    await second.policies.follow();
    expect([second.has("a"), second.has("b")]).toEqual([false, true]);
    expect(second.policies.current().revision).toBe(first.policies.current().revision);
  });

  it("with different files do not undo each other's imports", async () => {
    const first = await replica(a);
    const second = await replica(b);
    await first.policies.follow();
    for (const { policies } of [first, second]) await policies.importNew();
    expect([first.has("b"), second.has("b")]).toEqual([true, true]);
    first.state.files = { ...a, "realms.cfg": "" };
    await first.policies.importNew();
    expect(first.has("a")).toBe(true);
  });

  it("keep their policy when another imported one that they cannot use", async () => {
    const { state, policies, has } = await replica(a);
    await storage.policies.put({ revision: "newer", files: { "groups.cfg": "new_field: 1" }, importedAtMs: 1 });
    await policies.follow();
    expect(has("a")).toBe(true);
    expect(state.entries.at(-1)?.[1]).toBe("the policy that another replica imported cannot be used here");
  });
});
