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

/** What a service said of itself. */
interface ServiceAnswer {
  readonly id: string;
  /** From when on it is asked for anew; until its hour is over it counts while the service cannot be reached. */
  readonly renewAtMs: number;
  readonly untilMs: number;
}

/** Finds the identities of services that a request names by `https://<host>`; answers are kept for an hour. */
export class ServiceUrls {
  readonly #options: ServiceUrlsOptions;
  readonly #random: () => number;
  readonly #answers = new Map<string, ServiceAnswer>();
  /** What is being asked now: whoever asks meanwhile waits for the same answer. */
  readonly #asking = new Map<string, Promise<string>>();

  constructor(options: ServiceUrlsOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  /**
   * The identities, each asked for within 5 s, all at once. The first failure counts: rejects with Unavailable when the
   * service cannot be reached now, else with a Refusal INVALID_ARGUMENT; to the caller both name the URL alone.
   */
  async resolve(urls: readonly string[]): Promise<readonly string[]> {
    return Promise.all(urls.map((url) => this.#idOf(url)));
  }

  async #idOf(given: string): Promise<string> {
    const url = given.toLowerCase();
    const { clock } = this.#options;
    const known = this.#answers.get(url);
    if (known && clock() < known.renewAtMs) return known.id;
    try {
      return await this.#ask(url);
    } catch (error) {
      if (error instanceof ServiceUnreachable && known && clock() < known.untilMs) return known.id;
      throw failureOf(given, error);
    }
  }

  #ask(url: string): Promise<string> {
    const asking = this.#asking.get(url) ?? this.#fetch(url).finally(() => this.#asking.delete(url));
    this.#asking.set(url, asking);
    return asking;
  }

  async #fetch(url: string): Promise<string> {
    const id = await fetchServiceId(url, this.#options, AbortSignal.timeout(TIMEOUT_MS));
    const untilMs = this.#options.clock() + HOUR_MS;
    this.#answers.delete(url);
    this.#answers.set(url, { id, renewAtMs: untilMs - EARLY_MS * this.#random(), untilMs });
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MAX_ANSWERS) break;
      this.#answers.delete(oldest);
    }
    return id;
  }
}

function failureOf(url: string, error: unknown): Error {
  const words = `could not resolve ${JSON.stringify(url)} to service ID`;
  const detail = `${words}: ${error instanceof Error ? error.message : "failed"}`;
  if (error instanceof ServiceUnreachable) return new Unavailable(words, detail, error);
  return refuseCall(Code.InvalidArgument, `bad request - ${words}`, detail, error);
}
