import type { KeyObject } from "node:crypto";
import { hashRecord, NO_RECORD } from "./audit-chain.js";
import type { AuditRecord, ChainHead, StoredCheckpoint } from "./audit-store.js";
import { type CheckpointStatement, hashCheckpoint, verifyCheckpoint } from "./checkpoint.js";

/** What is wrong with an audit log. */
export type AuditFindingCode =
  | "UNKNOWN_KEY"
  | "BAD_SIGNATURE"
  | "CHECKPOINT_GAP"
  | "RECORD_GAP"
  | "RECORD_CHANGED"
  | "RECORDS_MISSING"
  | "NOT_CHECKPOINTED";

/** One thing that is wrong: the first of its kind in its chain. */
export interface AuditFinding {
  readonly code: AuditFindingCode;
  readonly message: string;
  readonly chain?: string;
  readonly sequence?: number;
  readonly checkpoint?: number;
}

/** What a verification came to. */
export interface AuditReport {
  readonly findings: readonly AuditFinding[];
  readonly chains: number;
  readonly records: number;
  readonly checkpoints: number;
}

/** How long a record may be without a checkpoint, in milliseconds. */
export const MAX_UNCHECKED_MS = 300_000;

/** How an audit log is verified. */
export interface VerifyAuditOptions {
  /** The keys that may have signed checkpoints, by key id. */
  readonly keys: ReadonlyMap<string, KeyObject>;
  readonly nowMs: number;
  /** Only records from this time on are there, as in a partial export; Unix milliseconds. */
  readonly sinceMs?: number;
}

interface ChainState {
  /** What checkpoints say of the chain, in order. */
  readonly heads: { readonly head: ChainHead; readonly checkpoint: CheckpointStatement }[];
  cut: ChainHead | undefined;
  last: ChainHead | undefined;
  /** How many of `heads` the records have passed. */
  passed: number;
}

/**
 * Verifies an audit log as it is read: first all checkpoints in order, then the records of each chain in order (the chains
 * may be mixed), then the report. Memory grows with the checkpoints and not with the records.
 */
export class AuditVerifier {
  readonly #options: VerifyAuditOptions;
  readonly #chains = new Map<string, ChainState>();
  readonly #findings: AuditFinding[] = [];
  #lastCheckpoint: StoredCheckpoint | undefined;
  #firstCheckpoint = 0;
  #firstKept = 0;
  #checkpoints = 0;
  #records = 0;

  constructor(options: VerifyAuditOptions) {
    this.#options = options;
  }

  /** Takes the next checkpoint. */
  checkpoint(stored: StoredCheckpoint): void {
    this.#checkpoints++;
    this.#firstCheckpoint ||= stored.number;
    const before = this.#lastCheckpoint;
    this.#lastCheckpoint = stored;
    const statement = this.#readCheckpoint(stored);
    if (!statement) return;
    const follows = !before || (stored.number === before.number + 1 && statement.previous === hashCheckpoint(before));
    if (!follows || statement.number !== stored.number) {
      this.#find("CHECKPOINT_GAP", `checkpoint ${stored.number} does not follow the one before`, {
        checkpoint: stored.number,
      });
    }
    this.#firstKept = Math.max(this.#firstKept, statement.firstKept);
    for (const head of statement.heads) this.#state(head.chain).heads.push({ head, checkpoint: statement });
    for (const cut of statement.cuts) this.#state(cut.chain).cut = cut;
  }

  /** Takes the next record of its chain. */
  record(record: AuditRecord): void {
    this.#records++;
    const state = this.#state(record.chain);
    this.#requireFollows(this.#beforeOf(state, record), record);
    const hash = hashRecord(record);
    state.last = { chain: record.chain, sequence: record.sequence, hash, timeMs: record.timeMs };
    this.#compareWithCheckpoints(state, record, hash);
  }

  report(): AuditReport {
    const { sinceMs = 0 } = this.#options;
    if (this.#firstCheckpoint > Math.max(1, this.#firstKept)) {
      const checkpoint = this.#firstCheckpoint;
      this.#find("CHECKPOINT_GAP", `the checkpoints before ${checkpoint} are missing`, { checkpoint });
    }
    for (const [chain, { heads, cut, last }] of this.#chains) {
      const claimed = heads.at(-1);
      const kept = Math.max(last?.sequence ?? 0, cut?.sequence ?? 0);
      if (!claimed || claimed.head.sequence <= kept || (!last && claimed.head.timeMs < sinceMs)) continue;
      const { sequence } = claimed.head;
      const message = `checkpoint ${claimed.checkpoint.number} says that the chain reached ${sequence}, but it ends at ${kept}`;
      this.#find("RECORDS_MISSING", message, { chain, sequence: kept });
    }
    const chains = [...this.#chains.values()].filter(({ last }) => last).length;
    return { findings: this.#findings, chains, records: this.#records, checkpoints: this.#checkpoints };
  }

  #readCheckpoint(stored: StoredCheckpoint): CheckpointStatement | undefined {
    const place = { checkpoint: stored.number };
    const key = this.#options.keys.get(stored.keyId);
    if (!key) {
      return this.#find(
        "UNKNOWN_KEY",
        `checkpoint ${stored.number} is signed by ${stored.keyId}, which is not trusted`,
        place,
      );
    }
    const statement = verifyCheckpoint(stored, key);
    return statement ?? this.#find("BAD_SIGNATURE", `checkpoint ${stored.number} was changed`, place);
  }

  /**
   * What a record must follow: the one before, what was cut off meanwhile, or nothing. In a partial log, the first record
   * may follow anything.
   */
  #beforeOf({ cut, last }: ChainState, { chain, sequence, previous }: AuditRecord): ChainHead {
    if (cut?.sequence === sequence - 1) return cut;
    if (last) return last;
    if (this.#options.sinceMs !== undefined) return { chain, sequence: sequence - 1, hash: previous, timeMs: 0 };
    return cut ?? { chain, sequence: 0, hash: NO_RECORD, timeMs: 0 };
  }

  #requireFollows(before: ChainHead, { chain, sequence, previous }: AuditRecord): void {
    const place = { chain, sequence };
    // While old records are being removed, some of those that a cut names are still there.
    if (sequence <= before.sequence && this.#state(chain).last === undefined) return;
    if (sequence !== before.sequence + 1) {
      this.#find("RECORD_GAP", `record ${sequence} comes after ${before.sequence}`, place);
    } else if (Buffer.compare(previous, before.hash) !== 0) {
      this.#find("RECORD_CHANGED", `record ${sequence - 1} was changed, or what record ${sequence} says of it`, place);
    }
  }

  #compareWithCheckpoints(state: ChainState, { chain, sequence, timeMs }: AuditRecord, hash: Uint8Array): void {
    while ((state.heads[state.passed]?.head.sequence ?? Infinity) < sequence) state.passed++;
    const next = state.heads[state.passed];
    const place = { chain, sequence };
    if (next?.head.sequence === sequence && Buffer.compare(next.head.hash, hash) !== 0) {
      this.#find("RECORD_CHANGED", `record ${sequence} is not what checkpoint ${next.checkpoint.number} says`, place);
    }
    const checkedAtMs = next?.checkpoint.timeMs ?? this.#options.nowMs;
    if (checkedAtMs - timeMs > MAX_UNCHECKED_MS) {
      this.#find("NOT_CHECKPOINTED", `record ${sequence} had no checkpoint for more than 5 minutes`, place);
    }
  }

  #state(chain: string): ChainState {
    const known = this.#chains.get(chain) ?? { heads: [], cut: undefined, last: undefined, passed: 0 };
    this.#chains.set(chain, known);
    return known;
  }

  /** Notes the first finding of a kind in a chain: one change breaks what follows, too. */
  #find(code: AuditFindingCode, message: string, place: Omit<AuditFinding, "code" | "message">): undefined {
    const isKnown = this.#findings.some((known) => known.code === code && known.chain === place.chain);
    if (!isKnown) this.#findings.push({ code, message, ...place });
  }
}
