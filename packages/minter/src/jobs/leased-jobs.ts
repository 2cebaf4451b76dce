import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import type { LeaseStore } from "./lease-store.js";

/** Work that one of all replicas does now and then. */
export interface Job {
  readonly name: string;
  readonly everyMs: number;
  /** Runs once. It may be cut off at any moment, and may in rare cases run on two replicas: it must bear both. */
  readonly run: () => Promise<void>;
}

/** What running jobs needs. */
export interface JobRunner {
  readonly leases: LeaseStore;
  /** Names this replica. */
  readonly holder: string;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** How long a lease lasts when its holder is gone, and how often the holder prolongs it, in milliseconds. */
const LEASE_MS = 10_000;
const PROLONG_MS = 3_000;

/** Jobs that are being run. */
export interface RunningJobs {
  /** Stops, waits for what is running, and gives the leases back. */
  stop(): Promise<void>;
}

/**
 * Runs jobs, each on whichever replica holds its lease. When the holder is gone another takes over within ten seconds and
 * knows when the job last ran.
 */
export function startJobs(jobs: readonly Job[], runner: JobRunner): RunningJobs {
  const running = jobs.map((job) => new LeasedJob(job, runner));
  return { stop: async () => void (await Promise.all(running.map((job) => job.stop()))) };
}

class LeasedJob {
  readonly #job: Job;
  readonly #runner: JobRunner;
  readonly #timer: NodeJS.Timeout;
  #isHolder = false;
  #run: Promise<void> | undefined;
  #tick: Promise<void> | undefined;

  constructor(job: Job, runner: JobRunner) {
    this.#job = job;
    this.#runner = runner;
    this.#timer = setInterval(() => this.#next(), PROLONG_MS).unref();
    this.#next();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#tick;
    await this.#run;
    if (this.#isHolder) await this.#runner.leases.release(this.#job.name, this.#runner.holder).catch(() => undefined);
  }

  #next(): void {
    this.#tick ??= this.#prolong().finally(() => (this.#tick = undefined));
  }

  async #prolong(): Promise<void> {
    const { leases, holder, log, metrics } = this.#runner;
    const { name: job, everyMs } = this.#job;
    try {
      const lease = await leases.acquire(job, holder, LEASE_MS);
      if ((lease !== undefined) !== this.#isHolder) log.info({ job, holder }, lease ? "lease taken" : "lease lost");
      this.#isHolder = lease !== undefined;
      metrics.set("tokens_lease_held", lease ? 1 : 0, { job });
      if (lease && (lease.lastRunMsAgo ?? Number.POSITIVE_INFINITY) >= everyMs) {
        this.#run ??= this.#runOnce().finally(() => (this.#run = undefined));
      }
    } catch (error) {
      // Who cannot reach the leases cannot know that it still has one.
      this.#isHolder = false;
      metrics.set("tokens_lease_held", 0, { job });
      log.warn({ job, err: error }, "the lease of a job cannot be reached");
    }
  }

  async #runOnce(): Promise<void> {
    const { leases, holder, log, metrics } = this.#runner;
    const { name: job, run } = this.#job;
    let outcome = "failed";
    try {
      await run();
      await leases.noteRun(job, holder);
      outcome = "done";
    } catch (error) {
      log.error({ job, err: error }, "a periodic job failed; it is tried again");
    }
    metrics.count("tokens_job_runs_total", { job, outcome });
  }
}
