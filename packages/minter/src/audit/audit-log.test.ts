import { describe, expect, it, vi } from "vitest";
import { noMetrics } from "../metrics.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import { StorageUnavailable } from "../storage/storage-unavailable.js";
import { hashRecord } from "./audit-chain.js";
import { type AuditEntry, AuditLog, type AuditMode } from "./audit-log.js";
import type { AuditStore } from "./audit-store.js";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const entry = (name: string): AuditEntry => ({ kind: "machine", columns: { machine_fqdn: name } });
const refusal = (reason: string): AuditEntry => ({ kind: "refusal", columns: { reason } });

/** A real store whose commits can be held up or fail, before or after they took place. */
async function openStore() {
  const storage = await openSqliteStorage(":memory:");
  const faults: ("before" | "after")[] = [];
  const sizes: number[] = [];
  const store: AuditStore = {
    ...storage.audit,
    append: async (records, heads) => {
      const fault = faults.shift();
      if (fault === "before") throw new StorageUnavailable("gone");
      await storage.audit.append(records, heads);
      sizes.push(records.length);
      if (fault === "after") throw new StorageUnavailable("the connection broke before the answer");
    },
  };
  const chainOf = async (kind: string) => {
    const heads = await store.heads();
    const chain = heads.find((head) => head.chain.endsWith(kind))?.chain ?? "none";
    return store.chainRecords(chain, 0, 100_000);
  };
  return { storage, store, faults, sizes, chainOf };
}

function logOn(store: AuditStore, mode: AuditMode = "required", metrics = noMetrics): AuditLog {
  return new AuditLog({ store, mode, log: silent, metrics, clock: () => 1_780_315_200_000 });
}

describe("AuditLog", () => {
  it("resolves when the record is in the store", async () => {
    const { store, storage, chainOf } = await openStore();
    await logOn(store).record(entry("a"));
    expect(await chainOf("machines")).toMatchObject([{ sequence: 1, kind: "machine", data: '{"machine_fqdn":"a"}' }]);
    await storage.close();
  });

  it("commits together what comes while a commit is under way", async () => {
    const { store, storage, sizes } = await openStore();
    const log = logOn(store);
    await Promise.all(Array.from({ length: 200 }, (_, index) => log.record(entry(`h${index}`))));
    expect(sizes.length).toBeLessThan(10);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(200);
    await storage.close();
  });

  it("forgets nobody who comes just as a commit ends", async () => {
    const { store, storage, chainOf } = await openStore();
    const log = logOn(store);
    for (let hops = 0; hops < 8; hops++) {
      let commit = log.record(entry("first"));
      // Each hop is one turn later: one of them falls between the last look at what waits and the end of the drain.
      for (let hop = 0; hop < hops; hop++) commit = commit.then(() => undefined);
      await commit;
      await log.record(entry("second"));
    }
    expect(await chainOf("machines")).toHaveLength(16);
    await storage.close();
  });

  it("writes chains in which each record names the hash of the one before", async () => {
    const { store, storage, chainOf } = await openStore();
    const log = logOn(store);
    for (const name of ["a", "b", "c"]) await log.record(entry(name));
    const chain = await chainOf("machines");
    chain.slice(1).forEach((record, index) => {
      const before = chain[index];
      expect(before && Buffer.from(hashRecord(before))).toEqual(Buffer.from(record.previous));
    });
    expect(log.heads()).toMatchObject([{ sequence: 3 }]);
    await storage.close();
  });

  it("keeps the records of machines and of decisions in chains of their own", async () => {
    const { store, storage, chainOf } = await openStore();
    const log = logOn(store);
    await Promise.all([log.record(entry("a")), log.record({ kind: "operation", columns: {} })]);
    expect(await chainOf("machines")).toHaveLength(1);
    expect(await chainOf("decisions")).toHaveLength(1);
    await storage.close();
  });

  it("rejects the record of a commit that failed, and goes on afterwards", async () => {
    const { store, storage, faults, chainOf } = await openStore();
    const log = logOn(store);
    faults.push("before");
    await expect(log.record(entry("lost"))).rejects.toThrow(StorageUnavailable);
    await log.record(entry("kept"));
    expect(await chainOf("machines")).toMatchObject([{ sequence: 1, data: '{"machine_fqdn":"kept"}' }]);
    await storage.close();
  });

  it("has no gap and no double after a commit of which nobody knows whether it took place", async () => {
    const { store, storage, faults, chainOf } = await openStore();
    const log = logOn(store);
    await log.record(entry("a"));
    faults.push("after");
    await expect(log.record(entry("b"))).rejects.toThrow(StorageUnavailable);
    await log.record(entry("c"));
    const chain = await chainOf("machines");
    expect(chain.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    const [, second, third] = chain;
    expect(second && Buffer.from(hashRecord(second))).toEqual(Buffer.from(third?.previous ?? []));
    await storage.close();
  });

  it("tries again what nobody waits for", async () => {
    const { store, storage, faults, chainOf } = await openStore();
    const log = logOn(store);
    faults.push("before", "before");
    log.note(refusal("no"));
    await expect.poll(async () => (await chainOf("machines")).length).toBe(1);
    await storage.close();
  });

  it("never lets refusals delay the record of a token by more than a commit", async () => {
    const { store, storage, sizes, chainOf } = await openStore();
    const log = logOn(store);
    for (let index = 0; index < 5000; index++) log.note(refusal(`r${index}`));
    await log.record(entry("a"));
    expect(sizes.length).toBeLessThanOrEqual(2);
    expect((await chainOf("machines")).some(({ kind }) => kind === "machine")).toBe(true);
    await log.close();
    await storage.close();
  });

  it("refuses a record when too many wait", async () => {
    const { store, storage } = await openStore();
    const log = logOn(store);
    const all = await Promise.allSettled(Array.from({ length: 10_600 }, (_, index) => log.record(entry(`${index}`))));
    expect(all.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
    const chain = (await store.heads())[0];
    expect(chain?.sequence).toBe(all.filter(({ status }) => status === "fulfilled").length);
    await storage.close();
  });
});

describe("best-effort", () => {
  it("does not wait, and counts what it gives up", async () => {
    const { store, storage, faults } = await openStore();
    const count = vi.fn<(name: string, labels?: object, by?: number) => void>();
    const log = logOn(store, "best-effort", { ...noMetrics, count });
    faults.push("before");
    const records = Array.from({ length: 10_050 }, () => log.record(entry("a")));
    await Promise.all(records);
    await log.close();
    expect(count.mock.calls.some(([name]) => name === "tokens_audit_lost_total")).toBe(true);
    await storage.close();
  });
});
