import { hash } from "node:crypto";

/** How verdicts are remembered. */
export interface CacheOptions {
  /** At least this many tokens are remembered, and at most twice as many. Default: 10,000; 0 remembers none. */
  readonly cacheEntries?: number;
  /** Keep SHA-256 digests instead of tokens: less memory, no bearer token in a heap dump, a third of the speed. */
  readonly hashTokens?: boolean;
}

const DEFAULT_ENTRIES = 10_000;

/** Letters at the end of a token that tell it from others: they lie in the signature, and are quicker to hash than all. */
const TAIL_LENGTH = 32;

interface Entry<T> {
  /** The whole token; empty when the key is its digest. */
  readonly token: string;
  readonly verdict: T;
}

/**
 * Remembers verdicts by token. Two generations instead of a list by age: what was used since the last change of
 * generation stays, the rest goes at once, and a hit moves nothing. Tails and tokens are compared in a time that depends
 * on them, which helps nobody: who gets past the first comparison knows 192 bits of a token already.
 */
export class VerdictCache<T> {
  readonly #maxEntries: number;
  readonly #keyOf: (token: string) => string;
  readonly #hashTokens: boolean;
  #young = new Map<string, Entry<T>>();
  #old = new Map<string, Entry<T>>();

  constructor({ cacheEntries = DEFAULT_ENTRIES, hashTokens }: CacheOptions = {}) {
    this.#maxEntries = cacheEntries;
    this.#hashTokens = hashTokens === true;
    this.#keyOf = this.#hashTokens ? digest : tail;
  }

  find(token: string): T | undefined {
    const key = this.#keyOf(token);
    const entry = this.#young.get(key) ?? this.#keep(key);
    return entry && (this.#hashTokens || entry.token === token) ? entry.verdict : undefined;
  }

  add(token: string, verdict: T): void {
    if (this.#maxEntries > 0) this.#insert(this.#keyOf(token), { token: this.#hashTokens ? "" : token, verdict });
  }

  /** An old entry that is used is young again. */
  #keep(key: string): Entry<T> | undefined {
    const entry = this.#old.get(key);
    if (entry) this.#insert(key, entry);
    return entry;
  }

  #insert(key: string, entry: Entry<T>): void {
    if (this.#young.size >= this.#maxEntries) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, entry);
  }
}

function tail(token: string): string {
  return token.slice(-TAIL_LENGTH);
}

function digest(token: string): string {
  return hash("sha256", token, "binary");
}
