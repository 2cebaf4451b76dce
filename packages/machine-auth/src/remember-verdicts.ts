import type { KeyObject } from "node:crypto";
import type { Trust } from "./trust.js";
import { type CacheOptions, VerdictCache } from "./verdict-cache.js";

/** That a token is good, and what has to stay true for it to stay good. */
export interface Verdict<T> {
  readonly value: T;
  readonly issuer: string;
  readonly keyId: string;
  readonly key: KeyObject;
  /** It is good from here to there, both included, in Unix seconds, for as long as the trust stays as it is. */
  readonly from: number;
  readonly to: number;
}

/** How tokens of one kind are judged. */
export interface Judge<T> {
  /** Decides anew. Throws TokenRejected. */
  readonly judge: (token: string, trust: Trust, now: number) => Verdict<T>;
  /** Until when a good token is revoked, in Unix seconds; -Infinity if it never was. */
  readonly revokedUntil: (token: string, trust: Trust, value: T) => number;
}

interface Remembered<T> extends Verdict<T> {
  /** The last trust by which the verdict was found to hold. */
  trust: Trust;
}

/**
 * Judges tokens and remembers the good ones: a machine sends the same one for half an hour, and a signature takes 20 µs.
 * Nothing else is remembered, and what is decides nothing by itself: time, key and revocations are checked each time.
 */
export function rememberVerdicts<T>(
  { judge, revokedUntil }: Judge<T>,
  options: CacheOptions,
): (token: string, trust: Trust, now: number) => T {
  const cache = new VerdictCache<Remembered<T>>(options);

  /** By another trust too the key is still its issuer's, and nothing was revoked since. */
  function stillHolds(known: Remembered<T>, token: string, trust: Trust): boolean {
    const key = trust.issuers.get(known.issuer)?.get(known.keyId);
    if (!key?.equals(known.key) || revokedUntil(token, trust, known.value) > known.from) return false;
    known.trust = trust;
    return true;
  }

  return (token, trust, now) => {
    const known = cache.find(token);
    if (known && now >= known.from && now <= known.to && (known.trust === trust || stillHolds(known, token, trust))) {
      return known.value;
    }
    const verdict = judge(token, trust, now);
    cache.add(token, { ...verdict, trust });
    return verdict.value;
  };
}
