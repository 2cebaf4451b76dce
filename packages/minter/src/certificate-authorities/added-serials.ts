/** Most serial numbers of one list that get into the revocation feed: a list that brings more is about a whole CA. */
export const MAX_ADDED_SERIALS = 100_000;

/** The serial numbers, in hex, that a list revokes and the one before did not. Zero is none that a token could name. */
export function addedSerials(
  now: Iterable<string>,
  before: { has(serial: Uint8Array): boolean } | undefined,
): readonly string[] {
  const added: string[] = [];
  for (const serial of now) {
    if (added.length === MAX_ADDED_SERIALS) break;
    if (serial !== "" && !before?.has(Buffer.from(serial, "hex"))) added.push(serial);
  }
  return added;
}
