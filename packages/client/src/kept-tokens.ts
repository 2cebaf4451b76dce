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
import { systemClock } from "./system-clock.js";

/** A token, and when it is over. */
export interface KeptToken {
  readonly token: string;
  /** When it expires by this machine's clock, unix milliseconds. */
  readonly expiryMs: number;
}

/** What a keeper of tokens goes by. */
export interface KeeperOptions {
  /** Default: the system's clocks. */
  readonly clock?: () => Moment;
  /** From 0 to 1. Default: Math.random. */
  readonly random?: () => number;
}

/** A token that is wanted. */
export interface WantedToken<Token extends KeptToken> {
  /** The same for tokens that may stand for each other. */
  readonly key: string;
  /** How much of its life must be left at least. */
  readonly minTtlMs: number;
  /** Gets one; `asked` is when. */
  readonly mint: (asked: Moment) => Promise<Token>;
}

/** What is kept for one key. */
interface Entry<Token> {
  readonly splay: number;
  state: RefreshState;
  token: Token | undefined;
  failure?: unknown;
  flight?: Promise<void> | undefined;
}

/** Most tokens that are kept; the one that was not used for longest goes first. */
const MAX_TOKENS = 1000;

/**
 * Keeps tokens, one for each key. A token that is used is refreshed beside its users from about half of its life on; one
 * attempt a key is under way at a time, and failures are followed by growing pauses.
 */
export class KeptTokens<Token extends KeptToken> {
  readonly #clock: () => Moment;
  readonly #random: () => number;
  readonly #entries = new Map<string, Entry<Token>>();

  constructor({ clock = systemClock, random = Math.random }: KeeperOptions) {
    this.#clock = clock;
    this.#random = random;
  }

  /** A token that lives long enough. Waits only when there is none. Rejects with what `mint` rejects with. */
  async get(wanted: WantedToken<Token>): Promise<Token> {
    const entry = this.#entryOf(wanted.key);
    const good = this.#lasting(entry, wanted.minTtlMs);
    if (this.#isDue(entry, good !== undefined)) {
      entry.flight ??= this.#refresh(entry, wanted).finally(() => (entry.flight = undefined));
    }
    if (good) return good;
    await entry.flight;
    // A token that has just come has the life that was asked for, less what its way here took.
    if (entry.failure !== undefined) throw entry.failure;
    const fresh = this.#lasting(entry, 0);
    if (!fresh) throw new MintError("UNAVAILABLE", "the token was over before it arrived");
    return fresh;
  }

  #entryOf(key: string): Entry<Token> {
    const entry = this.#entries.get(key) ?? { splay: this.#random(), state: NO_TOKEN, token: undefined };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_TOKENS) break;
      this.#entries.delete(oldest);
    }
    return entry;
  }

  #lasting({ state: { life }, token }: Entry<Token>, forMs: number): Token | undefined {
    const { wallMs, monotonicMs } = this.#clock();
    const then = { wallMs: wallMs + forMs, monotonicMs: monotonicMs + forMs };
    return life !== undefined && isUsable(life, then) ? token : undefined;
  }

  /** Whoever needs a token now waits for no other reason than the pause after a failure. */
  #isDue({ state, splay, failure }: Entry<Token>, isGood: boolean): boolean {
    if (isGood) return refreshWaitMs(state, this.#clock(), splay) === 0;
    const pause = { ...NO_TOKEN, attemptedMs: state.attemptedMs ?? 0, pauseMs: state.pauseMs };
    return failure === undefined || refreshWaitMs(pause, this.#clock(), splay) === 0;
  }

  async #refresh(entry: Entry<Token>, { mint }: WantedToken<Token>): Promise<void> {
    const asked = this.#clock();
    try {
      entry.token = await mint(asked);
      entry.state = afterSuccess({ obtained: asked, expiryMs: entry.token.expiryMs }, this.#clock());
      entry.failure = undefined;
    } catch (error) {
      entry.failure = error;
      entry.state = afterFailure(entry.state, this.#clock(), this.#random());
    }
  }
}
