/** Most serial numbers of one list that get into the revocation feed: a list that brings more is about a whole CA. */
export const MAX_ADDED_SERIALS = 100_000;

/** What tells whether a list revokes a serial number. */
interface Serials {
  has(serial: Uint8Array): boolean;
}

/** The serial numbers, in hex, that a list revokes and the one before did not. Zero is none that a token could name. */
export function addedSerials(now: Iterable<string>, before: Serials | undefined): readonly string[] {
  const added: string[] = [];
  for (const serial of now) {
    if (added.length === MAX_ADDED_SERIALS) break;
    if (serial !== "" && !before?.has(Buffer.from(serial, "hex"))) added.push(serial);
  }
  return added;
}

/** How many certificates the list before revoked, by serial numbers in hex, and a list does not. */
export function countDropped(before: Iterable<string>, now: Serials): number {
  let dropped = 0;
  for (const serial of before) if (!now.has(Buffer.from(serial, "hex"))) dropped++;
  return dropped;
}
