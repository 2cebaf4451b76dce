import { createHash } from "node:crypto";
import { Unavailable } from "../errors.js";
import type { Job } from "../jobs/leased-jobs.js";
import type { Metrics } from "../metrics.js";
import type { SeenRequest, SeenStore } from "./seen-store.js";

/** What remembering is made of. */
export interface SeenRequestsParts {
  readonly store: SeenStore;
  readonly metrics: Metrics;
  /** Unix milliseconds. */
  readonly clock: () => number;
  /** How many are remembered at most, by all servers together. */
  readonly capacity?: number;
}

/** A fleet of a million machines asks a few hundred times a second, and each request counts for about eleven minutes. */
const DEFAULT_CAPACITY = 1_000_000;
/** Most requests that are remembered in one statement. */
const MAX_BATCH = 512;
/** Most requests that wait to be remembered. */
const MAX_WAITING = 10_000;
/** How old the number of remembered requests may be, in milliseconds: others add to it, and time takes from it. */
const COUNT_AGE_MS = 10_000;
/** Requests that are forgotten in one statement, so that nobody who mints meanwhile waits for long. */
const BITE = 1_000;
const FORGET_EVERY_MS = 30_000;

/** The name of a request: its nonce, and the certificate whose key signed it. Other machines may have the same nonce. */
export function seenId(certificateDer: Uint8Array, nonce: Uint8Array): string {
  const certificate = createHash("sha256").update(certificateDer).digest();
  return createHash("sha256").update(certificate).update(nonce).digest("hex").slice(0, 32);
}

interface Waiting extends SeenRequest {
  readonly resolve: (isNew: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The requests that were used, so that none is used twice: in the storage, for all servers on it and after a restart. It
 * has a bound, and refuses when it is full: to forget one early would be to let it in again. What comes while others are
 * being remembered shares the next statement.
 */
export class SeenRequests {
  readonly #parts: SeenRequestsParts;
  readonly #capacity: number;
  readonly #waiting = new Map<string, Waiting>();
  #inFlight: ReadonlyMap<string, Waiting> = new Map();
  #draining = false;
  #count = 0;
  #countedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: SeenRequestsParts) {
    this.#parts = parts;
    this.#capacity = parts.capacity ?? DEFAULT_CAPACITY;
  }

  /** Remembers a request; the result is whether it is new. Rejects with Unavailable when it cannot be remembered. */
  remember(request: SeenRequest): Promise<boolean> {
    // The other one is on its way, or has failed by now: then its bytes are spent all the same.
    if (this.#waiting.has(request.id) || this.#inFlight.has(request.id)) return Promise.resolve(false);
    if (this.#waiting.size >= MAX_WAITING) return Promise.reject(this.#full("too many requests wait"));
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { ...request, resolve, reject });
      if (!this.#draining) void this.#drain();
    });
  }

  /** Forgets those that would be refused for their age anyway. One server does it for all. */
  get job(): Job {
    return {
      name: "seen-requests",
      everyMs: FORGET_EVERY_MS,
      run: async () => {
        const { store, clock } = this.#parts;
        const nowSeconds = Math.floor(clock() / 1000);
        while ((await store.removeOver(nowSeconds, BITE)) === BITE) await new Promise(setImmediate);
        await this.#recount();
      },
    };
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting.values()].slice(0, MAX_BATCH);
      this.#inFlight = new Map(batch.map((request) => [request.id, request]));
      for (const { id } of batch) this.#waiting.delete(id);
      try {
        await this.#rememberAll(batch);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      this.#inFlight = new Map();
    }
    // In the same turn as the last look: whoever comes later must find nobody draining.
    this.#draining = false;
  }

  async #rememberAll(batch: readonly Waiting[]): Promise<void> {
    const { store, clock } = this.#parts;
    const age = clock() - this.#countedAtMs;
    // A clock that was set back says nothing of the age.
    if (!(age >= 0 && age < COUNT_AGE_MS)) await this.#recount();
    const room = Math.max(0, this.#capacity - this.#count);
    for (const { reject } of batch.slice(room)) reject(this.#full("the set of used requests is full"));
    const taken = batch.slice(0, room);
    if (taken.length === 0) return;
    const fresh = await store.add(taken.map(({ id, untilSeconds }) => ({ id, untilSeconds })));
    this.#count += fresh.size;
    for (const { id, resolve } of taken) resolve(fresh.has(id));
  }

  async #recount(): Promise<void> {
    const { store, clock, metrics } = this.#parts;
    this.#countedAtMs = clock();
    this.#count = await store.count();
    metrics.set("tokens_seen_requests", this.#count);
  }

  #full(detail: string): Unavailable {
    this.#parts.metrics.count("tokens_seen_requests_full_total");
    return new Unavailable("the server cannot remember more requests now", detail);
  }
}
