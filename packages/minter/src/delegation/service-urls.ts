import { Code } from "@connectrpc/connect";
import { refuseCall, Unavailable } from "../errors.js";
import { fetchServiceId, type ServiceFetch, ServiceUnreachable } from "./fetch-service-id.js";

/** What names services by their URLs. */
export interface ServiceUrlsOptions extends ServiceFetch {
  /** Unix milliseconds. */
  readonly clock: () => number;
  /** From 0 to 1. Default: Math.random. */
  readonly random?: () => number;
}

const HOUR_MS = 3_600_000;
/** An answer is asked for anew at a random time in these last minutes of its hour. */
const EARLY_MS = 600_000;
const TIMEOUT_MS = 5_000;
/** Most answers that are kept; the oldest goes first. */
const MAX_ANSWERS = 1000;

/** Finds the identities of services that a request names by `https://<host>`; answers are kept for an hour. */
export class ServiceUrls {
  readonly #options: ServiceUrlsOptions;
  readonly #random: () => number;
  readonly #answers = new Map<string, { readonly id: string; readonly untilMs: number }>();

  constructor(options: ServiceUrlsOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  /**
   * The identities, all asked for at once within 5 s. The first failure counts: rejects with Unavailable when the service
   * cannot be reached now, else with a Refusal INVALID_ARGUMENT; to the caller both name the URL alone.
   */
  async resolve(urls: readonly string[]): Promise<readonly string[]> {
    const failed = new AbortController();
    const signal = AbortSignal.any([failed.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    try {
      return await Promise.all(urls.map((url) => this.#idOf(url, signal)));
    } finally {
      failed.abort();
    }
  }

  async #idOf(given: string, signal: AbortSignal): Promise<string> {
    const url = given.toLowerCase();
    const { clock } = this.#options;
    const known = this.#answers.get(url);
    if (known && clock() < known.untilMs) return known.id;
    try {
      const id = await fetchServiceId(url, this.#options, signal);
      this.#keep(url, id, clock() + HOUR_MS - EARLY_MS * this.#random());
      return id;
    } catch (error) {
      throw failureOf(given, error);
    }
  }

  #keep(url: string, id: string, untilMs: number): void {
    this.#answers.delete(url);
    this.#answers.set(url, { id, untilMs });
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MAX_ANSWERS) break;
      this.#answers.delete(oldest);
    }
  }
}

function failureOf(url: string, error: unknown): Error {
  const words = `could not resolve ${JSON.stringify(url)} to service ID`;
  const detail = `${words}: ${error instanceof Error ? error.message : "failed"}`;
  if (error instanceof ServiceUnreachable) return new Unavailable(words, detail, error);
  return refuseCall(Code.InvalidArgument, `bad request - ${words}`, detail, error);
}
