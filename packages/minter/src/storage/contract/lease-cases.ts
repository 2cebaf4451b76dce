import { equal, ok } from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { LeaseStore } from "../../jobs/lease-store.js";
import type { StorageCase } from "./storage-case.js";

/** Long enough to never run out within a case. */
const LONG_MS = 3_600_000;

async function holds(leases: LeaseStore, name: string, holder: string, durationMs = LONG_MS): Promise<boolean> {
  return (await leases.acquire(name, holder, durationMs)) !== undefined;
}

export const leaseCases: readonly StorageCase[] = [
  {
    name: "leases: one holder at a time, who may prolong",
    run: async ({ leases }) => {
      ok(await holds(leases, "job", "a"));
      ok(!(await holds(leases, "job", "b")));
      ok(await holds(leases, "job", "a"));
      ok(await holds(leases, "another job", "b"));
    },
  },
  {
    name: "leases: of many who ask at once, one gets it",
    run: async ({ leases }) => {
      const holders = Array.from({ length: 12 }, (_, index) => `h${index}`);
      const held = await Promise.all(holders.map((holder) => holds(leases, "job", holder)));
      equal(held.filter(Boolean).length, 1);
    },
  },
  {
    name: "leases: a holder that died loses it when its time is over",
    run: async ({ leases }) => {
      ok(await holds(leases, "job", "a", 50));
      await sleep(80);
      ok(await holds(leases, "job", "b"));
      ok(!(await holds(leases, "job", "a")));
    },
  },
  {
    name: "leases: can be given back by their holder alone",
    run: async ({ leases }) => {
      ok(await holds(leases, "job", "a"));
      await leases.release("job", "b");
      ok(!(await holds(leases, "job", "b")));
      await leases.release("job", "a");
      ok(await holds(leases, "job", "b"));
    },
  },
  {
    name: "leases: say how long ago the job ran, whoever ran it",
    run: async ({ leases }) => {
      equal((await leases.acquire("job", "a", LONG_MS))?.lastRunMsAgo, undefined);
      await leases.noteRun("job", "b");
      equal((await leases.acquire("job", "a", LONG_MS))?.lastRunMsAgo, undefined);
      await leases.noteRun("job", "a");
      await leases.release("job", "a");
      const ago = (await leases.acquire("job", "b", LONG_MS))?.lastRunMsAgo ?? -1;
      ok(ago >= 0 && ago < LONG_MS, `${ago}`);
    },
  },
];
