import { describe, expect, it } from "vitest";
import { noMetrics } from "../metrics.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import { type Job, startJobs } from "./leased-jobs.js";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

async function openLeases() {
  const storage = await openSqliteStorage(":memory:");
  const runnerOf = (holder: string) => ({ leases: storage.leases, holder, log: silent, metrics: noMetrics });
  return { storage, runnerOf };
}

function countingJob(changes: Partial<Job> = {}) {
  const runs: string[] = [];
  const jobFor = (holder: string): Job => ({
    name: "job",
    everyMs: 3_600_000,
    run: () => {
      runs.push(holder);
      return Promise.resolve();
    },
    ...changes,
  });
  return { runs, jobFor };
}

describe("startJobs", () => {
  it("runs a job once, on one of all replicas", async () => {
    const { storage, runnerOf } = await openLeases();
    const { runs, jobFor } = countingJob();
    const replicas = ["a", "b", "c"].map((holder) => startJobs([jobFor(holder)], runnerOf(holder)));
    await expect.poll(() => runs.length).toBe(1);
    for (const replica of replicas) await replica.stop();
    expect(runs).toHaveLength(1);
    await storage.close();
  });

  it("hands over when it stops, and the next one knows that the job has run", async () => {
    const { storage, runnerOf } = await openLeases();
    const { runs, jobFor } = countingJob();
    const first = startJobs([jobFor("a")], runnerOf("a"));
    await expect.poll(() => runs).toEqual(["a"]);
    await first.stop();
    const second = startJobs([jobFor("b")], runnerOf("b"));
    await expect.poll(async () => storage.leases.acquire("job", "probe", 1)).toBeUndefined();
    await second.stop();
    expect(runs).toEqual(["a"]);
    await storage.close();
  });

  it("takes over from a replica that is gone, when its lease has run out", async () => {
    const { storage, runnerOf } = await openLeases();
    await storage.leases.acquire("job", "dead", 200);
    const { runs, jobFor } = countingJob();
    const replica = startJobs([jobFor("b")], runnerOf("b"));
    await expect.poll(() => runs, { timeout: 30_000 }).toEqual(["b"]);
    await replica.stop();
    await storage.close();
  });

  it("tries a job that failed again", async () => {
    const { storage, runnerOf } = await openLeases();
    let tries = 0;
    const run = () => (++tries < 2 ? Promise.reject(new Error("not now")) : Promise.resolve());
    const replica = startJobs([{ name: "job", everyMs: 3_600_000, run }], runnerOf("a"));
    await expect.poll(() => tries, { timeout: 30_000 }).toBe(2);
    await replica.stop();
    await storage.close();
  });
});
