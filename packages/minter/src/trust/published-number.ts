import type { Logger } from "../log.js";
import type { FeedStore } from "./feed-store.js";

/** Where the number of the last published feed is kept: not in the storage, which may be put back to an older state. */
export interface PublishedNumber {
  /** Undefined if none was ever published. */
  read(): Promise<number | undefined>;
  write(number: number): Promise<void>;
}

/** How the feed is guarded against a storage that goes back. */
export interface FeedSettings {
  readonly published: PublishedNumber;
  /** What to do with a storage that is behind what was published. */
  readonly rollback: "refuse" | "accept";
}

/** Forgets the number with the process. */
export function forgetfulNumber(): PublishedNumber {
  return { read: () => Promise.resolve(undefined), write: () => Promise.resolve() };
}

/** The storage is older than what was published: publishing it would take revocations back. */
export class FeedWentBack extends Error {
  override name = "FeedWentBack";
}

/** What comparing needs. */
interface Comparison extends FeedSettings {
  readonly store: FeedStore;
  readonly log: Logger;
}

/**
 * Rejects with FeedWentBack when the storage was put back to an older state, unless that is accepted: then the feed goes
 * on above the number that was published, so that verifiers take it.
 */
export async function requireNotBehind({ store, published, rollback, log }: Comparison): Promise<void> {
  const [number, last] = [await store.number(), await published.read()];
  if (last === undefined || number >= last) return;
  if (rollback === "refuse") {
    throw new FeedWentBack(
      `the storage is older than what was published: its revocation feed has number ${number}, and ${last} was published. ` +
        "Revocations since then are lost. Put back a newer storage, or start once with --accept-rollback and revoke again",
    );
  }
  await store.moveAbove(last);
  log.warn({ number, published: last }, "an older storage was accepted; revocations that it lacks are lost");
}
