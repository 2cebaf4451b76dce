import { availableParallelism } from "node:os";
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
  #inFlight = 0;

  constructor({ maxInFlight = SIGNATURES_PER_CORE * availableParallelism(), timeoutMs }: SignLimits = {}) {
    this.#maxInFlight = maxInFlight;
    this.#timeoutMs = timeoutMs ?? SIGN_TIMEOUT_MS;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inFlight >= this.#maxInFlight) throw new SignerUnavailable("too many signatures are being made");
    this.#inFlight++;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      const giveUp = () => reject(new SignerUnavailable(`no signature within ${this.#timeoutMs} ms`));
      timer = setTimeout(giveUp, this.#timeoutMs);
    });
    try {
      return await Promise.race([work(), timeout]);
    } finally {
      clearTimeout(timer);
      this.#inFlight--;
    }
  }
}
