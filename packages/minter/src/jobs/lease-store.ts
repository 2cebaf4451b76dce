/** A lease as its holder got it. */
export interface Lease {
  /** How long ago its job last ran to its end, on any replica, in milliseconds; undefined if it never has. */
  readonly lastRunMsAgo: number | undefined;
}

/**
 * Leases: the right to run one job on one replica. All times are of the store's clock, so that replicas need not agree on
 * theirs.
 */
export interface LeaseStore {
  /** Takes a lease that is free or has run out, or prolongs the holder's own; undefined while another holds it. */
  acquire(name: string, holder: string, durationMs: number): Promise<Lease | undefined>;
  /** Notes that the holder's job has run to its end. */
  noteRun(name: string, holder: string): Promise<void>;
  /** Gives the holder's own lease back. */
  release(name: string, holder: string): Promise<void>;
}
