/** A request that was used, and until when somebody could use it again. */
export interface SeenRequest {
  readonly id: string;
  /** Unix seconds. */
  readonly untilSeconds: number;
}

/** Where used requests are remembered: by all servers on one storage. */
export interface SeenStore {
  /** Remembers requests; the result is the ids of those that nobody had remembered before. No id may be there twice. */
  add(requests: readonly SeenRequest[]): Promise<ReadonlySet<string>>;
  /** Forgets at most so many of those whose time is over before the given one; the result is how many. */
  removeOver(untilSeconds: number, limit: number): Promise<number>;
  /** How many are remembered. */
  count(): Promise<number>;
}
