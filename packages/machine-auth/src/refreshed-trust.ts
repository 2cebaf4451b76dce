import { TrustUnavailable } from "./errors.js";
import type { Trust } from "./trust.js";
import type { TrustSource } from "./trust-source.js";

/** What happened when a trust was to be refreshed. */
export type TrustRefresh =
  | { readonly outcome: "updated" | "unchanged"; readonly from: TrustOrigin; readonly trust: Trust }
  | { readonly outcome: "failed"; readonly from: TrustOrigin; readonly error: unknown };

/** Where a trust was read from; "cache" is the disk cache, read at the start and written after changes. */
export type TrustOrigin = "server" | "file" | "cache";

/** How a trust is kept fresh. */
export interface RefreshOptions {
  /** How often it is fetched, less up to a sixth so that not all verifiers come at once. Default: 30 s. */
  readonly refreshSeconds?: number;
  /** How long it is used when it cannot be fetched. Default: 86,400 s. */
  readonly maxStaleSeconds?: number;
  /** Told of every refresh, after it is done: for metrics and logs. */
  readonly onTrustRefresh?: (refresh: TrustRefresh) => void;
}

/** A trust, and how old it was already when it was read, in milliseconds. */
export interface AgedTrust {
  readonly trust: Trust;
  readonly ageMs: number;
}

/** What a source does by itself; tests bring their own. */
export interface TrustSourceParts extends RefreshOptions {
  readonly origin: TrustOrigin;
  /** Reads what was kept of the last run; undefined if there is nothing. */
  readonly load?: () => Promise<AgedTrust | undefined>;
  readonly fetch: () => Promise<AgedTrust>;
  /** Monotonic milliseconds: the wall clock may jump. */
  readonly clock: () => number;
  readonly random: () => number;
}

const REFRESH_SECONDS = 30;
const MAX_STALE_SECONDS = 24 * 3600;
/** An unknown key id makes a verifier fetch at most this often. */
const COOLDOWN_MS = 30_000;
/** Without any trust, requests make a verifier try again at most this often. */
const FIRST_FETCH_COOLDOWN_MS = 1_000;

/** A trust that is fetched again and again. Starts at once. */
export function refreshedTrust(parts: TrustSourceParts): TrustSource {
  return new RefreshedTrust(parts);
}

class RefreshedTrust implements TrustSource {
  readonly #parts: TrustSourceParts;
  readonly #maxStaleMs: number;
  readonly #loaded: Promise<void>;
  #trust: Trust | undefined;
  /** When the trust was as new as can be, by the monotonic clock. */
  #freshAt = Number.NEGATIVE_INFINITY;
  #lastAsked = Number.NEGATIVE_INFINITY;
  #failure: unknown;
  #flight: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: TrustSourceParts) {
    this.#parts = parts;
    this.#maxStaleMs = (parts.maxStaleSeconds ?? MAX_STALE_SECONDS) * 1000;
    this.#loaded = this.#load();
    void this.#fetch();
  }

  current(): Trust {
    if (!this.#trust) throw this.#neverFetched();
    if (!this.#isFresh()) {
      throw new TrustUnavailable("STALE", "the trust could not be refreshed for too long", this.#failure);
    }
    return this.#trust;
  }

  async ready(): Promise<Trust> {
    if (!this.#isFresh()) await this.#loaded;
    if (!this.#isFresh()) await this.#fetchAfter(FIRST_FETCH_COOLDOWN_MS);
    return this.current();
  }

  async refresh(): Promise<Trust> {
    await this.#fetchAfter(COOLDOWN_MS);
    return this.current();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #isFresh(): boolean {
    return this.#trust !== undefined && this.#parts.clock() - this.#freshAt <= this.#maxStaleMs;
  }

  #neverFetched(): TrustUnavailable {
    if (this.#failure instanceof TrustUnavailable) return this.#failure;
    return new TrustUnavailable("NEVER_FETCHED", "the trust has not been fetched yet", this.#failure);
  }

  /** Fetches because a request needs it, unless one did so shortly before. Joins a fetch that is under way. */
  async #fetchAfter(cooldownMs: number): Promise<void> {
    if (this.#flight) return this.#flight;
    const now = this.#parts.clock();
    if (now - this.#lastAsked < cooldownMs) return;
    this.#lastAsked = now;
    await this.#fetch();
  }

  /** What was kept counts until the first fetch, and may be all there is: the server may be down just now. */
  async #load(): Promise<void> {
    try {
      const kept = await this.#parts.load?.();
      if (kept) this.#accept(kept, "cache");
    } catch (error) {
      this.#tell({ outcome: "failed", from: "cache", error });
    }
  }

  /** Fetches once, whoever asks meanwhile. A failure keeps the trust that there is. */
  #fetch(): Promise<void> {
    clearTimeout(this.#timer);
    const { origin } = this.#parts;
    this.#flight ??= this.#loaded
      .then(() => this.#parts.fetch())
      .then(
        (fetched) => this.#accept(fetched, origin),
        (error: unknown) => {
          this.#failure = error;
          this.#tell({ outcome: "failed", from: origin, error });
        },
      )
      .finally(() => {
        this.#flight = undefined;
        this.#schedule();
      });
    return this.#flight;
  }

  #accept({ trust, ageMs }: AgedTrust, from: TrustOrigin): void {
    const outcome = trust === this.#trust ? "unchanged" : "updated";
    this.#trust = trust;
    this.#freshAt = this.#parts.clock() - Math.max(ageMs, 0);
    this.#failure = undefined;
    this.#tell({ outcome, from, trust });
  }

  /** Whoever listens cannot disturb the refresh, and its errors are not lost. */
  #tell(refresh: TrustRefresh): void {
    const { onTrustRefresh } = this.#parts;
    if (onTrustRefresh) queueMicrotask(() => onTrustRefresh(refresh));
  }

  #schedule(): void {
    if (this.#closed) return;
    const refreshMs = (this.#parts.refreshSeconds ?? REFRESH_SECONDS) * 1000;
    const delay = refreshMs - (this.#parts.random() * refreshMs) / 6;
    this.#timer = setTimeout(() => void this.#fetch(), delay).unref();
  }
}
