/** What is known of a revocation list that was taken, without reading it. */
export interface CrlHead {
  /** Names whose list it is. */
  readonly listId: string;
  /** Counts the lists that were taken under this id, from 1 up. */
  readonly version: number;
  /** Unix seconds. */
  readonly thisUpdateSeconds: number;
  /** Unix seconds; undefined if the list does not say. */
  readonly nextUpdateSeconds: number | undefined;
  readonly number: bigint | undefined;
  /** How many certificates it revokes. */
  readonly entries: number;
  /** SHA-256 of the list in DER, in hex. */
  readonly digest: string;
  /** What its server called it; empty if that said nothing. */
  readonly etag: string;
  /** When it was taken, Unix milliseconds. */
  readonly takenAtMs: number;
  /** In how many parts it is kept. */
  readonly parts: number;
}

/** How it went when the server of a list was last asked. Asking and taking are told apart: a list may stay the same. */
export interface CrlCheck {
  readonly listId: string;
  /** When its server last gave the list or said that it is the same, Unix milliseconds; undefined if it never has. */
  readonly checkedAtMs: number | undefined;
  /** When and why it last went wrong, if that was after. */
  readonly failedAtMs: number | undefined;
  readonly failure: string;
}

/** Certificates that a list revokes and the one before did not, as tokens name them: by ids of a CA and serial numbers. */
export interface NewlyRevoked {
  readonly caIds: readonly bigint[];
  /** In hex, without leading zero bytes. */
  readonly certSns: readonly string[];
  /** Unix seconds: by then the last token that was minted with them has died. */
  readonly until: number;
}

/** The parts of a list, one after another. */
export type CrlParts = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Where revocation lists are kept. Lists are large, and so are read and written in parts. */
export interface CrlStore {
  heads(): Promise<readonly CrlHead[]>;
  /** A part of a list, from 0 up; undefined once another list was taken in its place. */
  part(head: CrlHead, index: number): Promise<Uint8Array | undefined>;
  /**
   * Puts a list in the place of the one with the version before. Of two that do so at once one wins: `stale` means that
   * what the list was compared with is no longer in place. What it brings gets into the revocation feed with it. A part
   * is there until the next is asked for.
   */
  take(head: CrlHead, parts: CrlParts, revoked?: NewlyRevoked): Promise<"taken" | "stale">;
  /** Notes what the server of a list calls it now. */
  setEtag(head: CrlHead, etag: string): Promise<void>;
  checks(): Promise<readonly CrlCheck[]>;
  noteChecked(listId: string, atMs: number): Promise<void>;
  noteFailed(listId: string, atMs: number, failure: string): Promise<void>;
}
