import { MintError } from "./errors.js";
import type { MintedMachineToken } from "./mint-response.js";
import {
  afterFailure,
  afterSuccess,
  isUsable,
  type Moment,
  NO_TOKEN,
  type RefreshState,
  refreshWaitMs,
  splayOf,
} from "./refresh-schedule.js";
import { systemClock } from "./system-clock.js";
import type { TokenSource } from "./token-source.js";

/** What a source of fresh tokens needs. */
export interface MachineTokenSourceOptions {
  /** Gets one token, in one attempt: the source itself tries again. */
  readonly mint: () => Promise<MintedMachineToken>;
  /** Name of this machine: hosts of a fleet refresh at different times. */
  readonly name: string;
  /** Default: the system's clocks. */
  readonly clock?: () => Moment;
  /** From 0 to 1. Default: Math.random. */
  readonly random?: () => number;
}

/**
 * Keeps a machine token in memory and fresh: it is refreshed beside its users, at half of its life. While the server is
 * away the token that there is keeps being served until it is over. One attempt is under way at a time.
 */
export class MachineTokenSource implements TokenSource {
  readonly #mint: () => Promise<MintedMachineToken>;
  readonly #splay: number;
  readonly #clock: () => Moment;
  readonly #random: () => number;
  #state: RefreshState = NO_TOKEN;
  #token = "";
  #failure: unknown = new MintError("UNAVAILABLE", "the source was closed before it had a token");
  #flight: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ mint, name, clock = systemClock, random = Math.random }: MachineTokenSourceOptions) {
    this.#mint = mint;
    this.#splay = splayOf(name);
    this.#clock = clock;
    this.#random = random;
  }

  /** The token. Waits for one only when there is none; rejects with what the last attempt rejected with. */
  async token(): Promise<string> {
    this.#wake();
    if (!this.#isUsable()) await this.#flight;
    if (!this.#isUsable()) throw this.#failure;
    return this.#token;
  }

  /** Stops refreshing. The token that there is can still be had until it is over. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #isUsable(): boolean {
    return this.#state.life !== undefined && isUsable(this.#state.life, this.#clock());
  }

  /** Refreshes if it is time, else looks again when it may be. A timer does not keep the process alive. */
  #wake(): void {
    if (this.#flight || this.#closed) return;
    clearTimeout(this.#timer);
    const waitMs = refreshWaitMs(this.#state, this.#clock(), this.#splay);
    if (waitMs === 0) this.#flight = this.#refresh().finally(() => this.#land());
    else this.#timer = setTimeout(() => this.#wake(), waitMs).unref();
  }

  #land(): void {
    this.#flight = undefined;
    this.#wake();
  }

  async #refresh(): Promise<void> {
    try {
      const { token, expirySeconds } = await this.#mint();
      const now = this.#clock();
      this.#token = token;
      this.#state = afterSuccess({ obtained: now, expiryMs: expirySeconds * 1000 }, now);
    } catch (error) {
      this.#failure = error;
      this.#state = afterFailure(this.#state, this.#clock(), this.#random());
    }
  }
}
