import { MAX_CERTIFICATES_BYTES, trustFromCertificates } from "./certificates-document.js";
import { TrustUnavailable } from "./errors.js";
import { fetchDocument, type FetchOptions } from "./fetch-document.js";
import { openTrustBundle, type OpenedTrustBundle } from "./open-trust-bundle.js";
import type { AgedTrust } from "./refreshed-trust.js";
import type { TrustDemands } from "./trust.js";
import {
  encodeSignedTrustBundle,
  MAX_TRUST_BUNDLE_BYTES,
  TRUST_BUNDLE_PATH,
  TRUST_BUNDLE_TYPE,
} from "./trust-bundle.js";
import type { TrustCache } from "./trust-cache.js";
import { readTrustDocument } from "./trust-document.js";
import type { TrustServerUrl } from "./trust-url.js";

const CERTIFICATES_PATH = "/auth/api/v1/server/certificates";
const FETCH_TIMEOUT_MS = 10_000;
/** Certificates documents differ each time they are fetched, and what is kept of one is written at most this often. */
const KEEP_EVERY_MS = 5 * 60_000;

/** Where the trust of a server comes from, and what is demanded of it. */
export interface ServerTrustParts {
  readonly url: TrustServerUrl;
  readonly demands: (nowMs: number) => TrustDemands;
  readonly cache: TrustCache | undefined;
  /** Told when what was fetched cannot be kept on disk. */
  readonly onCacheFailure: (error: unknown) => void;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/**
 * Fetches what a token server publishes. The bundle goes first; a server that has none is believed once, and never after
 * it showed one or when a CA is pinned: leaving it out would take every revocation back. A bundle that is older than the
 * last one, in memory or on disk, is refused.
 */
export class ServerTrust {
  readonly #parts: ServerTrustParts;
  #opened: OpenedTrustBundle | undefined;
  #etag: string | undefined;
  #keptAt = Number.NEGATIVE_INFINITY;

  constructor(parts: ServerTrustParts) {
    this.#parts = parts;
  }

  /** What was kept on disk. */
  async load(): Promise<AgedTrust | undefined> {
    const { cache, clock, demands } = this.#parts;
    const cached = await cache?.read();
    if (!cached) return undefined;
    const { trust, opened } = readTrustDocument(cached.document, demands(clock()));
    this.#opened = opened;
    return opened ? this.#aged(opened) : { trust, ageMs: clock() - cached.fetchedAt };
  }

  async update(): Promise<AgedTrust> {
    const { url, demands, clock } = this.#parts;
    const answer = await fetchDocument(this.#bundleUrl(), bundleOptions(this.#etag));
    if (answer.status === 200) return this.#accept(answer.body, answer.etag);
    if (answer.status === 304 && this.#opened) return this.#aged(this.#opened);
    if (this.#opened || demands(clock()).pinnedCa)
      throw new Error(`the server has no trust bundle at ${url(TRUST_BUNDLE_PATH).href}`);
    return this.#fetchCertificates();
  }

  #bundleUrl(): URL {
    const url = this.#parts.url(TRUST_BUNDLE_PATH);
    if (this.#opened) url.searchParams.set("since", String(this.#opened.bundle.number));
    return url;
  }

  async #accept(body: Uint8Array, etag: string | undefined): Promise<AgedTrust> {
    const opened = await this.#open(body);
    const [had, has] = [this.#opened?.bundle, opened.bundle];
    if (had && has.number < had.number) {
      throw new TrustUnavailable("BAD_DOCUMENT", `the server's trust bundle ${has.number} is older than ${had.number}`);
    }
    if (had && this.#opened && has.number === had.number && has.signedAt < had.signedAt)
      return this.#aged(this.#opened);
    const isNew = had?.number !== has.number;
    this.#opened = opened;
    this.#etag = etag;
    await this.#keep(encodeSignedTrustBundle(opened.signed), isNew);
    return this.#aged(opened);
  }

  /** An update that does not fit what is at hand is no harm: the complete bundle is fetched instead. */
  async #open(body: Uint8Array): Promise<OpenedTrustBundle> {
    const { demands, clock, url } = this.#parts;
    try {
      return openTrustBundle(body, demands(clock()), this.#opened?.bundle);
    } catch (error) {
      if (!this.#opened) throw error;
      const complete = await fetchDocument(url(TRUST_BUNDLE_PATH), bundleOptions(undefined));
      if (complete.status !== 200) throw error;
      return openTrustBundle(complete.body, demands(clock()));
    }
  }

  async #fetchCertificates(): Promise<AgedTrust> {
    const { url, demands, clock } = this.#parts;
    const options = { accept: "application/json", maxBytes: MAX_CERTIFICATES_BYTES, timeoutMs: FETCH_TIMEOUT_MS };
    const answer = await fetchDocument(url(CERTIFICATES_PATH), options);
    if (answer.status !== 200) throw new Error(`the server answered with status ${answer.status}`);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(answer.body);
    const trust = trustFromCertificates(text, demands(clock()));
    await this.#keep(answer.body, false);
    return { trust, ageMs: 0 };
  }

  /** A disk that fails costs the next start its head start, and nothing now. */
  async #keep(document: Uint8Array, isNew: boolean): Promise<void> {
    const { cache, clock, onCacheFailure } = this.#parts;
    const now = clock();
    if (!cache || (!isNew && Math.abs(now - this.#keptAt) < KEEP_EVERY_MS)) return;
    try {
      await cache.write({ document, fetchedAt: now });
      this.#keptAt = now;
    } catch (error) {
      onCacheFailure(error);
    }
  }

  /** A bundle says itself how old it is: an answer that is held back or replayed does not look fresh. */
  #aged({ trust, bundle }: OpenedTrustBundle): AgedTrust {
    return { trust, ageMs: this.#parts.clock() - bundle.signedAt * 1000 };
  }
}

function bundleOptions(etag: string | undefined): FetchOptions {
  return { accept: TRUST_BUNDLE_TYPE, etag, maxBytes: MAX_TRUST_BUNDLE_BYTES, timeoutMs: FETCH_TIMEOUT_MS };
}
