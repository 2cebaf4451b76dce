import type { SerialIndex } from "@tokens/pki/crl";

/** Most serial numbers of one list that get into the revocation feed: a list that brings more is about a whole CA. */
export const MAX_ADDED_SERIALS = 100_000;

/** The serial numbers, in hex, that a list revokes and the one before did not. Zero is none that a token could name. */
export function addedSerials(now: SerialIndex, before: SerialIndex | undefined): readonly string[] {
  const added: string[] = [];
  for (const serial of before ? now.missingIn(before) : now) {
    if (added.length === MAX_ADDED_SERIALS) break;
    if (serial !== "") added.push(serial);
  }
  return added;
}

/** How many certificates the list before revoked and a list does not. */
export function countDropped(before: SerialIndex, now: SerialIndex): number {
  let dropped = 0;
  for (const _serial of before.missingIn(now)) dropped++;
  return dropped;
}
