import type { TokenFile } from "./token-file.js";

/** Why a token is refreshed. */
export type RefreshReason = "NEW_TOKEN" | "TOKEN_EXPIRES" | "PARAMS_CHANGE" | "FORCE_REFRESH";

/** What the decision depends on. */
export interface RefreshInputs {
  readonly file: TokenFile;
  /** Digest noted in the file, if any. */
  readonly storedDigest: string | undefined;
  readonly digest: string;
  readonly forceRefresh: boolean;
  /** Unix milliseconds. */
  readonly nowMs: number;
}

/**
 * Why the token must be refreshed; undefined when it is good. The first reason that holds counts. A token that is gone or
 * over is refreshed whatever the file says about the next update.
 */
export function decideRefresh({
  file,
  storedDigest,
  digest,
  forceRefresh,
  nowMs,
}: RefreshInputs): RefreshReason | undefined {
  const { next_update: nextUpdate = 0, expiry = 0, luci_machine_token: token = "" } = file;
  if (nextUpdate === 0 || token === "") return "NEW_TOKEN";
  if (nowMs > nextUpdate * 1000 || nowMs >= expiry * 1000) return "TOKEN_EXPIRES";
  if (storedDigest !== digest) return "PARAMS_CHANGE";
  return forceRefresh ? "FORCE_REFRESH" : undefined;
}

/** A fresh token is kept at least this long, in milliseconds, however short its life. */
export const MIN_LIFETIME_MS: number = 5 * 60_000;

/** Go's durations end here: 2^63 nanoseconds. */
const MAX_LIFETIME_MS = 2 ** 63 / 1e6;

/** When a token with this expiry is to be refreshed: after half its remaining life. Unix seconds. */
export function nextUpdateSeconds(expirySeconds: number, nowMs: number): number {
  const left = Math.min(Math.max(expirySeconds * 1000 - nowMs, MIN_LIFETIME_MS), MAX_LIFETIME_MS);
  return Math.floor((nowMs + left / 2) / 1000);
}
