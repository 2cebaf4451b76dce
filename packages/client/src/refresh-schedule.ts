/** A moment by both clocks, in milliseconds: the wall clock may jump, the monotonic one stands still while a machine sleeps. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** The life of a token: from when its holder got it to when it expires by the wall clock, in unix milliseconds. */
export interface TokenLife {
  readonly obtained: Moment;
  readonly expiryMs: number;
}

/** What a keeper of a token remembers between two attempts to refresh it. */
export interface RefreshState {
  readonly life?: TokenLife;
  /** Monotonic time of the last attempt, in milliseconds. */
  readonly attemptedMs?: number;
  /** How long to wait after that attempt at least, in milliseconds. */
  readonly pauseMs: number;
  /** How long the last failure made it wait, in milliseconds; 0 after a success. */
  readonly backoffMs: number;
}

/** Before the first attempt. */
export const NO_TOKEN: RefreshState = { pauseMs: 0, backoffMs: 0 };

/** Tokens are refreshed at half of their life, less a tenth of it by the host's splay: an outage of 25 minutes in 60 hurts nobody. */
const HALF = 0.5;
const SPLAY = 0.1;
/** No matter how short a token lives or what the clock does, this long lies between a success and the next attempt. */
const SUCCESS_PAUSE_MS = 30_000;
const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 120_000;
/** The wall clock is looked at this often: a machine that was suspended or whose clock was set finds out by then. */
const LONGEST_WAIT_MS = 60_000;

/** A host's place in the fleet, from 0 to 1: always the same for the same name, and spread evenly over all names. */
export function splayOf(name: string): number {
  // FNV-1a and the finish of MurmurHash3: nothing secret here is worth loading a cryptographic hash.
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name, "utf8")) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** The life of a token that was got before this program ran: the monotonic clock only tells what passed since. */
export function lifeSince(obtainedWallMs: number, expiryMs: number, now: Moment): TokenLife {
  const agoMs = Math.max(0, now.wallMs - obtainedWallMs);
  return { obtained: { wallMs: now.wallMs - agoMs, monotonicMs: now.monotonicMs - agoMs }, expiryMs };
}

/** Whether a token can still be used: neither clock says that it is over. */
export function isUsable({ obtained, expiryMs }: TokenLife, now: Moment): boolean {
  return now.wallMs < expiryMs && now.monotonicMs - obtained.monotonicMs < expiryMs - obtained.wallMs;
}

/** When a token got at a time is to be refreshed, in milliseconds after that time. */
export function refreshAfterMs({ obtained, expiryMs }: TokenLife, splay: number): number {
  return Math.max(0, expiryMs - obtained.wallMs) * (HALF - SPLAY * splay);
}

/** Whether a token is due for a refresh: one of the two clocks says so, or there is none. */
export function isRefreshDue({ life }: RefreshState, now: Moment, splay: number): boolean {
  if (!life) return true;
  const afterMs = refreshAfterMs(life, splay);
  const { obtained } = life;
  return now.wallMs - obtained.wallMs >= afterMs || now.monotonicMs - obtained.monotonicMs >= afterMs;
}

/** How long to wait before anything is to be done, in milliseconds; 0: refresh now. At most a minute: then ask again. */
export function refreshWaitMs(state: RefreshState, now: Moment, splay: number): number {
  const pauseMs = state.attemptedMs === undefined ? 0 : state.attemptedMs + state.pauseMs - now.monotonicMs;
  const dueMs = isRefreshDue(state, now, splay) ? 0 : untilDueMs(state, now, splay);
  return Math.min(LONGEST_WAIT_MS, Math.max(0, pauseMs, dueMs));
}

function untilDueMs({ life }: RefreshState, now: Moment, splay: number): number {
  if (!life) return 0;
  const { obtained } = life;
  const elapsedMs = Math.max(now.wallMs - obtained.wallMs, now.monotonicMs - obtained.monotonicMs);
  return Math.ceil(refreshAfterMs(life, splay) - elapsedMs);
}

/** The state after a token was got. */
export function afterSuccess(life: TokenLife, now: Moment): RefreshState {
  return { life, attemptedMs: now.monotonicMs, pauseMs: SUCCESS_PAUSE_MS, backoffMs: 0 };
}

/**
 * The state after an attempt failed: the next one waits by decorrelated backoff, a random time between a second and thrice
 * the last wait, at most two minutes, and no more than half of what is left of the token. `random` is from 0 to 1.
 */
export function afterFailure(state: RefreshState, now: Moment, random: number): RefreshState {
  const most = Math.max(FIRST_BACKOFF_MS, state.backoffMs * 3);
  const backoffMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS + random * (most - FIRST_BACKOFF_MS));
  const halfOfRestMs = state.life && isUsable(state.life, now) ? (state.life.expiryMs - now.wallMs) / 2 : backoffMs;
  const pauseMs = Math.max(FIRST_BACKOFF_MS, Math.min(backoffMs, halfOfRestMs));
  return { ...state, attemptedMs: now.monotonicMs, pauseMs, backoffMs };
}
