/** What a record is about: one of the four kinds of tokens, a refusal, a minute of refusals, or an operator's act. */
export type AuditKind = (typeof AUDIT_KINDS)[number];
export const AUDIT_KINDS = [
  "machine",
  "delegation",
  "project",
  "service_account",
  "refusal",
  "refusals",
  "operation",
] as const;

/** A record as it is kept. Records of one chain follow each other without a gap, each naming the hash of the one before. */
export interface AuditRecord {
  readonly chain: string;
  /** From 1 up. */
  readonly sequence: number;
  readonly kind: AuditKind;
  /** Unix milliseconds; never less than that of the record before. */
  readonly timeMs: number;
  /** The columns as JSON. */
  readonly data: string;
  /** Hash of the record before, 32 bytes; zeros for the first. */
  readonly previous: Uint8Array;
}

/** The last record of a chain. */
export interface ChainHead {
  readonly chain: string;
  readonly sequence: number;
  /** Hash of that record, 32 bytes. */
  readonly hash: Uint8Array;
  /** Unix milliseconds. */
  readonly timeMs: number;
}

/** A head as it is kept, with the last record of its chain that a checkpoint covers: a hint, which proves nothing. */
export interface StoredHead extends ChainHead {
  readonly checkpointed: number;
}

/** A checkpoint as it is kept: a signed statement about the chains. */
export interface StoredCheckpoint {
  /** From 1 up, without a gap. */
  readonly number: number;
  readonly timeMs: number;
  /** What is signed, as JSON. */
  readonly body: string;
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/** Where in the order of times a reader stands. */
export type RecordPosition = Pick<AuditRecord, "timeMs" | "chain" | "sequence">;

/** Where audit records are kept. */
export interface AuditStore {
  /** Appends records and moves the chains' heads, all or nothing; they are durable once this resolves. */
  append(records: readonly AuditRecord[], heads: readonly ChainHead[]): Promise<void>;
  /** The heads of all chains. */
  heads(): Promise<readonly StoredHead[]>;
  /** Records after a position in the order of time, at most `limit` of them. */
  records(after: RecordPosition, limit: number): Promise<readonly AuditRecord[]>;
  /** Records of one chain after a sequence number, in order, at most `limit` of them. */
  chainRecords(chain: string, afterSequence: number, limit: number): Promise<readonly AuditRecord[]>;
  /** Removes the oldest records of a chain up to and with a sequence number, at most `limit`; how many went. */
  removeThrough(chain: string, sequence: number, limit: number): Promise<number>;
  /** Forgets a chain that has no records left. */
  removeChain(chain: string): Promise<void>;
  /** Checkpoints after a number, in order, at most `limit` of them. */
  checkpoints(afterNumber: number, limit: number): Promise<readonly StoredCheckpoint[]>;
  lastCheckpoint(): Promise<StoredCheckpoint | undefined>;
  /** Adds a checkpoint of some heads, unless another replica was faster and its number is taken. */
  addCheckpoint(checkpoint: StoredCheckpoint, heads: readonly ChainHead[]): Promise<"added" | "taken">;
  /** Removes the checkpoints below a number. */
  removeCheckpointsBelow(number: number): Promise<void>;
}
