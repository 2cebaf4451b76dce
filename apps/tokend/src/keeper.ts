import {
  afterFailure,
  afterSuccess,
  isUsable,
  lifeSince,
  type Moment,
  NO_TOKEN,
  type RefreshState,
  refreshWaitMs,
  type TokenLife,
} from "@tokens/client/schedule";
import type { TokenFile } from "@tokens/client/token-file";
import type { FinishedRun } from "./one-shot.js";
import type { RunReport } from "./status-report.js";

/** What a keeper needs from its surroundings. */
export interface KeeperParts {
  /** Looks at the files, and refreshes the token if they or the schedule ask for it. */
  readonly run: (isDue: boolean) => Promise<FinishedRun>;
  readonly clock: () => Moment;
  /** From 0 to 1. */
  readonly random: () => number;
  /** This host's place in the fleet, from 0 to 1. */
  readonly splay: number;
}

/** Keeps a token fresh, run after run. */
export class Keeper {
  readonly #parts: KeeperParts;
  readonly #outcomes = new Map<string, number>();
  #state: RefreshState | undefined;
  #token: TokenFile = {};
  #last: RunReport | undefined;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** One run. Resolves with the token if it is a new one. */
  async tick(): Promise<TokenFile | undefined> {
    // What lies in the file decides about the first run; the schedule has nothing to go by yet.
    const isDue = this.#state !== undefined && this.waitMs() === 0;
    const { isGood, report } = await this.#parts.run(isDue);
    const now = this.#parts.clock();
    this.#last = report;
    const outcome = report.outcome ?? "none";
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
    const isNew = outcome === "UPDATE_SUCCESS";
    const life = lifeOf(report.token, now);
    if (isNew && life) this.#state = afterSuccess(life, now);
    else if (isGood && life) this.#state = this.#found(life);
    else this.#state = afterFailure(this.#state ?? NO_TOKEN, now, this.#parts.random());
    if (isGood) this.#token = report.token;
    return isNew ? report.token : undefined;
  }

  /** How long to wait for the next run, in milliseconds; at most a minute. */
  waitMs(): number {
    return refreshWaitMs(this.#state ?? NO_TOKEN, this.#parts.clock(), this.#parts.splay);
  }

  /** The token, while it can be used. */
  usableToken(): TokenFile | undefined {
    const life = this.#state?.life;
    return life && isUsable(life, this.#parts.clock()) ? this.#token : undefined;
  }

  /** How often runs ended in which way, and the last one. */
  get history(): { readonly outcomes: ReadonlyMap<string, number>; readonly last: RunReport | undefined } {
    return { outcomes: this.#outcomes, last: this.#last };
  }

  /** The token in the file is good: the one that is known, or one that another agent wrote. */
  #found(life: TokenLife): RefreshState {
    const state = this.#state ?? NO_TOKEN;
    return state.life?.expiryMs === life.expiryMs ? state : { ...NO_TOKEN, life };
  }
}

function lifeOf({ expiry = 0, last_update: lastUpdate }: TokenFile, now: Moment): TokenLife | undefined {
  if (expiry === 0) return undefined;
  return lifeSince(lastUpdate === undefined ? now.wallMs : lastUpdate * 1000, expiry * 1000, now);
}
