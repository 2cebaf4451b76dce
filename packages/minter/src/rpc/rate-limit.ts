import { Unavailable } from "../errors.js";

/** So many in so much time; that many at once at most. */
export interface Rate {
  readonly count: number;
  readonly perMs: number;
}

/** How many senders are told apart. Beyond, the one that was silent for the longest begins anew. */
const MAX_SENDERS = 100_000;

interface Bucket {
  left: number;
  atMs: number;
}

/** Counts what senders do, each for himself, and says when it is too much. */
export class RateLimit {
  readonly #rate: Rate;
  readonly #clock: () => number;
  /** The one that was heard of last stands last. */
  readonly #buckets = new Map<string, Bucket>();

  /** `clock` is in milliseconds. */
  constructor(rate: Rate, clock: () => number) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Counts one more of a sender. Throws Unavailable if that is one too many. */
  take(sender: string): void {
    const { count, perMs } = this.#rate;
    const nowMs = this.#clock();
    const bucket = this.#buckets.get(sender) ?? { left: count, atMs: nowMs };
    this.#buckets.delete(sender);
    // A clock that was set back gives nothing and takes nothing.
    const passedMs = Math.max(0, nowMs - bucket.atMs);
    bucket.left = Math.min(count, bucket.left + (passedMs * count) / perMs);
    bucket.atMs = nowMs;
    this.#buckets.set(sender, bucket);
    if (this.#buckets.size > MAX_SENDERS) this.#forgetFirst();
    if (bucket.left < 1) throw new Unavailable("too many calls, come again later", `more than ${count} in ${perMs} ms`);
    bucket.left--;
  }

  #forgetFirst(): void {
    const [first] = this.#buckets.keys();
    if (first !== undefined) this.#buckets.delete(first);
  }
}
