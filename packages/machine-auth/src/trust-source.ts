import type { Trust } from "./trust.js";

/** Where a verifier's trust comes from. Requests use what is there; refreshing goes on beside them. */
export interface TrustSource {
  /** The trust in force. Throws TrustUnavailable. */
  current(): Trust;
  /** The trust in force, after the first fetch if there was none yet. Rejects with TrustUnavailable. */
  ready(): Promise<Trust>;
  /** Called for a key id that nobody knows: fetches again, but not often. Rejects with TrustUnavailable. */
  refresh(): Promise<Trust>;
  /** Stops refreshing. */
  close(): void;
}

/** A trust that never changes. */
export function fixedTrust(trust: Trust): TrustSource {
  const ready = () => Promise.resolve(trust);
  return { current: () => trust, ready, refresh: ready, close: () => undefined };
}
