import type { RevokedSubject } from "@tokens/machine-auth";
import type { PublishedKey } from "./public-documents.js";

/** A revocation that is to get into the feed. */
export interface NewRevocation {
  readonly subject: RevokedSubject;
  /** Unix seconds: from then on it counts no more. Infinity: for ever. */
  readonly until: number;
  /** In the words of whoever did it. */
  readonly reason: string;
  readonly revokedBy: string;
  readonly revokedAtMs: number;
}

/** A revocation that is in the feed. */
export interface FeedEntry extends NewRevocation {
  readonly number: number;
}

/** An entry that is in the feed no more. */
export interface RemovedEntry {
  readonly number: number;
  /** The feed's number from which on it is gone. */
  readonly goneFrom: number;
}

/** The feed as it was at one number. */
export interface Feed {
  readonly number: number;
  /** The keys that verifiers may trust. */
  readonly keys: readonly PublishedKey[];
  /** By ascending number. */
  readonly entries: readonly FeedEntry[];
  /** What went since `historyFrom`, by ascending number. */
  readonly removed: readonly RemovedEntry[];
  /** The first number from which on it is known what went. */
  readonly historyFrom: number;
}

/** Most entries of a feed: more would not fit into the bundles that verifiers take. */
export const MAX_FEED_ENTRIES = 250_000;

/** Most entries at which revocation lists still add any: in a feed that they have filled, operators can still revoke a CA. */
export const MAX_LISTED_ENTRIES: number = MAX_FEED_ENTRIES - 1_000;

/**
 * Where the feed is kept. Its number begins at the time at which the storage was made, and each change makes a higher one:
 * it never goes back but with the whole storage.
 */
export interface FeedStore {
  number(): Promise<number>;
  read(): Promise<Feed>;
  /**
   * Adds revocations, as many as there is room for, in place of those of the same token, machine or CA that end no later.
   * Answers the entries that were made.
   */
  add(revocations: readonly NewRevocation[]): Promise<readonly FeedEntry[]>;
  /** Removes all entries of a machine's name, and answers them. */
  removeMachine(fqdn: string, nowMs: number): Promise<readonly FeedEntry[]>;
  /** Removes what ended before a time in Unix seconds. */
  removeEnded(beforeSeconds: number, nowMs: number): Promise<void>;
  /** Puts other keys into the feed, if its number still is the one given; else answers false. */
  setKeys(keys: readonly PublishedKey[], number: number): Promise<boolean>;
  /** Moves the number above this one. What went before is forgotten. */
  moveAbove(number: number): Promise<void>;
  /** Forgets which entries went before a time. */
  forgetRemoved(beforeMs: number): Promise<void>;
}
