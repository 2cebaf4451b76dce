import type { MintDelegationTokenResponse } from "@tokens/api";
import {
  type CheckedDelegation,
  checkDelegation,
  type DelegationRequest,
  readDelegationResponse,
} from "./delegation-exchange.js";
import { MintError } from "./errors.js";
import {
  afterFailure,
  afterSuccess,
  isUsable,
  type Moment,
  NO_TOKEN,
  type RefreshState,
  refreshWaitMs,
} from "./refresh-schedule.js";

/** What a keeper of delegation tokens needs. */
export interface DelegationTokensOptions {
  /** Gets one token: `TokenClient.mintDelegationToken` with the credential of one caller. */
  readonly mint: (request: CheckedDelegation["message"]) => Promise<MintDelegationTokenResponse>;
  /** Default: the system's clocks. */
  readonly clock?: () => Moment;
  /** From 0 to 1. Default: Math.random. */
  readonly random?: () => number;
}

/** A token that others accept for somebody. */
export interface DelegationToken {
  readonly token: string;
  /** When it expires by this machine's clock, unix milliseconds. */
  readonly expiryMs: number;
}

/** What is kept for one request. */
interface Entry {
  readonly splay: number;
  state: RefreshState;
  token: string;
  failure?: unknown;
  flight?: Promise<void> | undefined;
}

/** Most tokens that are kept; the one that was not used for longest goes first. */
const MAX_TOKENS = 1000;

const wallClock = Date.now;
const monotonicClock = performance.now.bind(performance);
const systemClock = (): Moment => ({ wallMs: wallClock(), monotonicMs: monotonicClock() });

/**
 * Mints delegation tokens and keeps them, one for each request. A token that is used is refreshed beside its users from
 * about half of its life on; one attempt a request is under way at a time, and failures are followed by growing pauses.
 * All tokens belong to the one caller as whom `mint` calls.
 */
export class DelegationTokens {
  readonly #mint: DelegationTokensOptions["mint"];
  readonly #clock: () => Moment;
  readonly #random: () => number;
  readonly #entries = new Map<string, Entry>();

  constructor({ mint, clock = systemClock, random = Math.random }: DelegationTokensOptions) {
    this.#mint = mint;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * A token with at least the asked time to live. Waits only when there is none. Rejects with a MintError: REFUSED for a
   * request that cannot be sent, BAD_RESPONSE for an answer that does not fit it, else with what minting rejects with.
   */
  async delegate(request: DelegationRequest): Promise<DelegationToken> {
    const checked = checkDelegation(request);
    const entry = this.#entryOf(checked.key);
    const isGood = this.#lasts(entry, checked.minTtlSeconds * 1000);
    if (this.#isDue(entry, isGood)) {
      entry.flight ??= this.#refresh(entry, checked).finally(() => (entry.flight = undefined));
    }
    if (isGood) return tokenOf(entry);
    await entry.flight;
    // A token that has just come has the life that was asked for, less what its way here took.
    if (entry.failure !== undefined) throw entry.failure;
    if (!this.#lasts(entry, 0)) throw new MintError("UNAVAILABLE", "the token was over before it arrived");
    return tokenOf(entry);
  }

  #entryOf(key: string): Entry {
    const entry = this.#entries.get(key) ?? { splay: this.#random(), state: NO_TOKEN, token: "" };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_TOKENS) break;
      this.#entries.delete(oldest);
    }
    return entry;
  }

  #lasts({ state: { life } }: Entry, forMs: number): boolean {
    const { wallMs, monotonicMs } = this.#clock();
    return life !== undefined && isUsable(life, { wallMs: wallMs + forMs, monotonicMs: monotonicMs + forMs });
  }

  /** Whoever needs a token now waits for no other reason than the pause after a failure. */
  #isDue({ state, splay, failure }: Entry, isGood: boolean): boolean {
    if (isGood) return refreshWaitMs(state, this.#clock(), splay) === 0;
    const pause = { ...NO_TOKEN, attemptedMs: state.attemptedMs ?? 0, pauseMs: state.pauseMs };
    return failure === undefined || refreshWaitMs(pause, this.#clock(), splay) === 0;
  }

  async #refresh(entry: Entry, checked: CheckedDelegation): Promise<void> {
    const asked = this.#clock();
    try {
      entry.token = readDelegationResponse(await this.#mint(checked.message), checked);
      // The life counts from the question: no sooner can it have begun, whatever the server's clock says.
      const expiryMs = asked.wallMs + checked.validitySeconds * 1000;
      entry.state = afterSuccess({ obtained: asked, expiryMs }, this.#clock());
      entry.failure = undefined;
    } catch (error) {
      entry.failure = error;
      entry.state = afterFailure(entry.state, this.#clock(), this.#random());
    }
  }
}

function tokenOf({ token, state }: Entry): DelegationToken {
  return { token, expiryMs: state.life?.expiryMs ?? 0 };
}
