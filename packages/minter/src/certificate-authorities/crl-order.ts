/** By what lists of one issuer are put in order. */
export interface CrlAge {
  readonly number: bigint | undefined;
  readonly thisUpdateSeconds: number;
}

/**
 * Why a list may not take the place of another: neither its number nor its date may go back. Of two that are equally old
 * the later known one may only add. undefined if it may.
 */
export function whyOlder(next: CrlAge, current: CrlAge, dropped: number): string | undefined {
  if (next.thisUpdateSeconds < current.thisUpdateSeconds) return "its thisUpdate is before that of the list in place";
  const [number, before] = [next.number, current.number];
  if (number !== undefined && before !== undefined && number < before)
    return `its number ${number} is below ${before}, that of the list in place`;
  const isLater = number !== undefined && before !== undefined && number > before;
  const isTie = next.thisUpdateSeconds === current.thisUpdateSeconds && !isLater;
  return isTie && dropped > 0
    ? `it is as old as the list in place, and revokes ${dropped} certificates less`
    : undefined;
}
