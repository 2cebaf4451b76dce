/** What the ring knows of a key. All times are Unix milliseconds. */
export interface RingKey {
  readonly keyId: string;
  /** 1, 2, 3 … within a purpose: a later key follows an earlier one. */
  readonly generation: number;
  /** Since when it is published. */
  readonly createdAtMs: number;
  /** From when on it signs. */
  readonly signsFromMs: number;
  /** Since when nobody must trust it. */
  readonly taintedAtMs?: number | undefined;
}

/** The ages of a key, in their order; `tainted` may come at any time. */
export type KeyState = "next" | "active" | "retired" | "expired" | "tainted";

/** All keys of one purpose, as they stand at one moment. */
export interface KeyRing<Key extends RingKey = RingKey> {
  /** The key that signs; undefined while a tainted one waits for its successor. */
  readonly active: Key | undefined;
  /** Published, and will sign. */
  readonly next: Key | undefined;
  /** What verifiers may trust: next, active and retired keys, newest first. */
  readonly published: readonly Key[];
  /** What will never sign again on any replica: the private keys can be destroyed. */
  readonly spent: readonly Key[];
  readonly states: ReadonlyMap<string, KeyState>;
}

/** Longest life of anything that is signed: the longest that a policy can give to a token. */
const LONGEST_TOKEN_MS = 86_400_000;

/**
 * How long a key stays published after its successor began to sign. Beyond the longest token: replicas whose clocks
 * differ, calls that were in flight, verifiers that tolerate late tokens.
 */
export const RETIRED_PUBLISHED_MS: number = LONGEST_TOKEN_MS + 15 * 60_000;

/** How long after its successor began a key may still be asked to sign: by calls in flight, by clocks that are behind. */
const STILL_SIGNS_MS = 15 * 60_000;

/** Reads the ring off its keys and the time alone, so that replicas agree on it without a word. */
export function readKeyRing<Key extends RingKey>(keys: readonly Key[], nowMs: number): KeyRing<Key> {
  const newestFirst = keys.toSorted((a, b) => b.generation - a.generation);
  const states = new Map<string, KeyState>();
  const published: Key[] = [];
  const spent: Key[] = [];
  let [active, next]: (Key | undefined)[] = [];
  /** When the successor of the key at hand began to sign. */
  let succeededAtMs: number | undefined;
  for (const key of newestFirst) {
    const state = stateOf(key, succeededAtMs, nowMs);
    states.set(key.keyId, state);
    if (state === "active") active = key;
    if (state === "next") next = key;
    if (state !== "tainted" && state !== "expired") published.push(key);
    if (state === "tainted" || nowMs - (succeededAtMs ?? nowMs) > STILL_SIGNS_MS) spent.push(key);
    if (hasBegun(key, nowMs)) succeededAtMs = Math.min(key.signsFromMs, succeededAtMs ?? key.signsFromMs);
  }
  return { active, next, published, spent, states };
}

function stateOf(key: RingKey, succeededAtMs: number | undefined, nowMs: number): KeyState {
  if (key.taintedAtMs !== undefined) return "tainted";
  if (succeededAtMs !== undefined) return nowMs - succeededAtMs > RETIRED_PUBLISHED_MS ? "expired" : "retired";
  return hasBegun(key, nowMs) ? "active" : "next";
}

/** A key that was tainted before its time never began, and its predecessor never ended. */
function hasBegun({ signsFromMs, taintedAtMs }: RingKey, nowMs: number): boolean {
  return signsFromMs <= nowMs && !(taintedAtMs !== undefined && taintedAtMs < signsFromMs);
}
