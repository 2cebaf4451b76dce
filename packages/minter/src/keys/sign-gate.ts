import { availableParallelism } from "node:os";
import { Deadlines } from "../deadlines.js";
import { SignerUnavailable } from "./key-backend.js";

/** More signatures at once only wait for each other: a core makes some thousands in a second. */
const SIGNATURES_PER_CORE = 64;

/** How long a signature may take, in milliseconds; calls have 30 s in all. */
const SIGN_TIMEOUT_MS = 10_000;

/** What a gate allows. */
export interface SignLimits {
  readonly maxInFlight?: number;
  readonly timeoutMs?: number;
}

/** Lets only so many signatures be made at once, and waits only so long for each. Refuses with SignerUnavailable. */
export class SignGate {
  readonly #maxInFlight: number;
  readonly #timeoutMs: number;
  readonly #deadlines: Deadlines;
  #inFlight = 0;

  constructor({ maxInFlight = SIGNATURES_PER_CORE * availableParallelism(), timeoutMs }: SignLimits = {}) {
    this.#maxInFlight = maxInFlight;
    this.#timeoutMs = timeoutMs ?? SIGN_TIMEOUT_MS;
    this.#deadlines = new Deadlines(this.#timeoutMs);
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inFlight >= this.#maxInFlight) throw new SignerUnavailable("too many signatures are being made");
    this.#inFlight++;
    const timeUp = () => new SignerUnavailable(`no signature within ${this.#timeoutMs} ms`);
    try {
      return await this.#deadlines.limit(work(), timeUp);
    } finally {
      this.#inFlight--;
    }
  }
}
