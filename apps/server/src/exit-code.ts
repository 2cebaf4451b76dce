/** What a command's exit code says. */
export const EXIT = {
  /** Yes, or done. */
  ok: 0,
  /** No: refused, a check failed, no such thing. */
  no: 1,
  /** Wrong usage or settings. */
  usage: 2,
  /** Cannot tell now: something is unreachable. */
  unknown: 3,
} as const;

/** Wrong usage or settings; the message says what is wrong and what to do. */
export class UsageError extends Error {
  override name = "UsageError";
}
