import { TrustUnavailable } from "./errors.js";
import { fetchDocument } from "./fetch-document.js";
import { MAX_TRUST_DOCUMENT_BYTES, type Trust, trustFromCertificates } from "./trust.js";
import { certificatesUrl } from "./trust-url.js";

/** Where a verifier's trust comes from. Requests use what is there; refreshing goes on beside them. */
export interface TrustSource {
  /** The trust in force. Throws TrustUnavailable. */
  current(): Trust;
  /** The trust in force, after the first fetch if there was none yet. Rejects with TrustUnavailable. */
  ready(): Promise<Trust>;
  /** Called for a key id that nobody knows: fetches again, but not often. Rejects with TrustUnavailable. */
  refresh(): Promise<Trust>;
  /** Stops refreshing. */
  close(): void;
}

/** Verifiers fetch again this often, in milliseconds, less up to the jitter so that they do not all come at once. */
const REFRESH_MS = 30_000;
const REFRESH_JITTER_MS = 5_000;
/** How long a trust is used when it cannot be refreshed. */
const MAX_STALE_MS = 24 * 3_600_000;
/** An unknown key id makes a verifier fetch at most this often. */
const COOLDOWN_MS = 30_000;
/** Without any trust, requests make a verifier try again at most this often. */
const FIRST_FETCH_COOLDOWN_MS = 1_000;
const FETCH_TIMEOUT_MS = 10_000;

/** What a source does by itself; tests bring their own. */
export interface TrustSourceParts {
  readonly fetch: () => Promise<Trust>;
  /** Monotonic milliseconds: the wall clock may jump. */
  readonly clock: () => number;
  readonly random: () => number;
}

/** A trust that never changes. */
export function fixedTrust(trust: Trust): TrustSource {
  const ready = () => Promise.resolve(trust);
  return { current: () => trust, ready, refresh: ready, close: () => undefined };
}

/**
 * The trust of a token server: its signing certificates, fetched at once and again every 30 s. With `issuer`, only that
 * account's tokens are trusted. Throws a TypeError for a URL that is not https, nor http to a loopback address.
 */
export function trustFromServer(server: string, options: { readonly issuer?: string } = {}): TrustSource {
  const url = certificatesUrl(server);
  const limits = { maxBytes: MAX_TRUST_DOCUMENT_BYTES, timeoutMs: FETCH_TIMEOUT_MS };
  return refreshedTrust({
    fetch: async () => trustFromCertificates(await fetchDocument(url, limits), options),
    clock: performance.now.bind(performance),
    random: Math.random,
  });
}

/** A trust that is fetched again and again. Starts at once. */
export function refreshedTrust(parts: TrustSourceParts): TrustSource {
  return new RefreshedTrust(parts);
}

class RefreshedTrust implements TrustSource {
  readonly #parts: TrustSourceParts;
  #trust: Trust | undefined;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #lastAsked = Number.NEGATIVE_INFINITY;
  #failure: unknown;
  #flight: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: TrustSourceParts) {
    this.#parts = parts;
    void this.#fetch();
  }

  current(): Trust {
    if (!this.#trust) throw this.#neverFetched();
    if (this.#parts.clock() - this.#fetchedAt > MAX_STALE_MS) {
      throw new TrustUnavailable("STALE", "the trust could not be refreshed for a day", this.#failure);
    }
    return this.#trust;
  }

  async ready(): Promise<Trust> {
    if (!this.#trust || this.#parts.clock() - this.#fetchedAt > MAX_STALE_MS)
      await this.#fetchAfter(FIRST_FETCH_COOLDOWN_MS);
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

  /** Fetches once, whoever asks meanwhile. A failure keeps the trust that there is. */
  #fetch(): Promise<void> {
    clearTimeout(this.#timer);
    this.#flight ??= this.#parts
      .fetch()
      .then(
        (trust) => {
          this.#trust = trust;
          this.#fetchedAt = this.#parts.clock();
          this.#failure = undefined;
        },
        (error: unknown) => void (this.#failure = error),
      )
      .finally(() => {
        this.#flight = undefined;
        this.#schedule();
      });
    return this.#flight;
  }

  #schedule(): void {
    if (this.#closed) return;
    const delay = REFRESH_MS - this.#parts.random() * REFRESH_JITTER_MS;
    this.#timer = setTimeout(() => void this.#fetch(), delay).unref();
  }
}
