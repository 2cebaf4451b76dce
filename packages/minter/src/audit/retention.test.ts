import { describe, expect, it } from "vitest";
import { ChainWriter, makeCheckpointSigner } from "../../test/audit-fixture.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { AuditStore } from "./audit-store.js";
import { addCheckpoint } from "./checkpoint.js";
import { removeOldRecords } from "./retention.js";
import { AuditVerifier } from "./verify-audit.js";

const START = 1_780_315_200_000;
const DAY = 86_400_000;
const ages = { machines: 2 * DAY, decisions: 10 * DAY };
const { signer, keys } = makeCheckpointSigner();

/** A machine chain and a decision chain with two records a day. */
async function openLog(days: number) {
  const storage = await openSqliteStorage(":memory:");
  const chains = ["a.machines", "a.decisions"].map((name) => new ChainWriter(storage.audit, name));
  for (let day = 0; day < days; day++) {
    for (const chain of chains) await chain.write(2, START + day * DAY);
    await addCheckpoint(storage.audit, signer, { heads: chains.map(({ head }) => head) }, START + day * DAY + 60_000);
  }
  return { storage, store: storage.audit, chains };
}

const sweep = (store: AuditStore, day: number) =>
  removeOldRecords({ store, signer, ages, pause: () => Promise.resolve() }, START + day * DAY + 1);

async function findings(store: AuditStore, day: number): Promise<string[]> {
  const verifier = new AuditVerifier({ keys, nowMs: START + day * DAY });
  for (const checkpoint of await store.checkpoints(0, 1000)) verifier.checkpoint(checkpoint);
  for (const chain of ["a.machines", "a.decisions"]) {
    for (const record of await store.chainRecords(chain, 0, 100_000)) verifier.record(record);
  }
  return verifier.report().findings.map(({ message }) => message);
}

describe("removeOldRecords", () => {
  it("removes what is older than its class allows, and no more", async () => {
    const { store, storage } = await openLog(6);
    expect(await sweep(store, 5)).toBe(8);
    const days = (await store.chainRecords("a.machines", 0, 100)).map(({ timeMs }) => (timeMs - START) / DAY);
    expect(days).toEqual([4, 4, 5, 5]);
    expect(await store.chainRecords("a.decisions", 0, 100)).toHaveLength(12);
    await storage.close();
  });

  it("leaves a log that verifies, again and again", async () => {
    const { store, storage } = await openLog(20);
    for (const day of [5, 12, 13, 19, 19]) {
      await sweep(store, day);
      expect(await findings(store, 19)).toEqual([]);
    }
    expect((await store.checkpoints(0, 1))[0]?.number).toBeGreaterThan(1);
    await storage.close();
  });

  it("leaves a log that verifies when it was stopped half-way", async () => {
    const { store, storage, chains } = await openLog(1);
    await chains[0]?.write(1700, START + DAY);
    await chains[0]?.write(2, START + 9 * DAY);
    await addCheckpoint(store, signer, { heads: chains.map(({ head }) => head) }, START + 9 * DAY);
    let bites = 0;
    const pause = () => (++bites === 2 ? Promise.reject(new Error("killed")) : Promise.resolve());
    const sweeping = removeOldRecords({ store, signer, ages, pause }, START + 9 * DAY);
    await expect(sweeping).rejects.toThrow("killed");
    expect((await store.chainRecords("a.machines", 0, 5000)).length).toBe(704);
    const reported = await findings(store, 9);
    expect(reported.filter((message) => !message.includes("no checkpoint"))).toEqual([]);
    expect(await sweep(store, 9)).toBe(702);
    await storage.close();
  });

  it("forgets a chain of which nothing is left", async () => {
    const { store, storage } = await openLog(2);
    await sweep(store, 100);
    expect(await store.heads()).toEqual([]);
    expect(await findings(store, 100)).toEqual([]);
    await storage.close();
  });

  it("does nothing when nothing is old", async () => {
    const { store, storage } = await openLog(2);
    const before = (await store.lastCheckpoint())?.number;
    expect(await sweep(store, 1)).toBe(0);
    expect((await store.lastCheckpoint())?.number).toBe(before);
    await storage.close();
  });

  it("does not let somebody take more than was announced", async () => {
    const { store, storage } = await openLog(6);
    await sweep(store, 5);
    await store.removeThrough("a.machines", 9, 1);
    expect(await findings(store, 5)).toEqual(["record 10 comes after 8"]);
    await storage.close();
  });
});
