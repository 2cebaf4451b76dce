import { randomBytes } from "node:crypto";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import { StorageUnavailable } from "../storage/storage-unavailable.js";
import { type ChainEntry, extendChain, NO_RECORD } from "./audit-chain.js";
import type { AuditKind, AuditStore, ChainHead } from "./audit-store.js";

/** Whether a token whose record cannot be committed is handed out all the same. */
export type AuditMode = "required" | "best-effort";

/** What is recorded: columns and their values. Never a token, a key or a certificate. */
export interface AuditEntry {
  readonly kind: AuditKind;
  readonly columns: Readonly<Record<string, unknown>>;
}

/** What the audit log is made of. */
export interface AuditLogParts {
  readonly store: AuditStore;
  readonly mode: AuditMode;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** Chains by how long their records are kept: those of machines are many, those of decisions few. */
export type RetentionClass = "machines" | "decisions";

const CLASSES: Record<AuditKind, RetentionClass> = {
  machine: "machines",
  refusal: "machines",
  refusals: "machines",
  delegation: "decisions",
  project: "decisions",
  service_account: "decisions",
  operation: "decisions",
};

/** The class of a chain, which its name ends with. */
export function retentionClassOf(chain: string): RetentionClass {
  return chain.endsWith(".machines") ? "machines" : "decisions";
}

/** Most records in one commit. */
const MAX_BATCH = 512;
/** Most records that wait for their commit; a token whose record would be one more is not made. */
const MAX_WAITING = 10_000;
/** Most records that nobody waits for. */
const MAX_NOTES = 10_000;
/** How long to leave a store alone that has just failed, in milliseconds. */
const PAUSE_MS = 200;

interface Pending extends ChainEntry {
  readonly settle?: { readonly resolve: () => void; readonly reject: (error: Error) => void };
}

/**
 * The audit log of this process. Records that come while a commit is under way, or in the same turn of the event loop,
 * share the next one, so that durability costs a delay and not throughput. Each process writes chains of its own.
 */
export class AuditLog {
  readonly #parts: AuditLogParts;
  readonly #heads = new Map<RetentionClass, ChainHead>();
  #waiting: Pending[] = [];
  #notes: Pending[] = [];
  #draining: Promise<void> | undefined;
  /** After a failed commit nobody knows whether it took place: the store is asked before the next. */
  #isUncertain = false;
  #isClosing = false;

  constructor(parts: AuditLogParts) {
    this.#parts = parts;
    const writer = randomBytes(8).toString("hex");
    for (const kind of ["machines", "decisions"] as const) {
      this.#heads.set(kind, { chain: `${writer}.${kind}`, sequence: 0, hash: NO_RECORD, timeMs: 0 });
    }
  }

  /**
   * Records something that must not take effect without its record, such as a token that is about to be handed out.
   * Resolves when the record is committed; rejects with StorageUnavailable when it is not. With `best-effort` it
   * resolves at once, and what gets lost is counted.
   */
  record(entry: AuditEntry): Promise<void> {
    if (this.#parts.mode === "best-effort") {
      this.note(entry);
      return Promise.resolve();
    }
    if (this.#waiting.length >= MAX_WAITING) {
      return Promise.reject(new StorageUnavailable("too many audit records wait for their commit"));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...pendingOf(entry), settle: { resolve, reject } });
      this.#start();
    });
  }

  /** Records something that nobody waits for, such as a refusal. It is given up when there are too many, and counted. */
  note(entry: AuditEntry): void {
    if (this.#notes.length >= MAX_NOTES) return this.#lose(entry.kind);
    this.#notes.push(pendingOf(entry));
    this.#start();
  }

  /** The committed heads of this process's chains that have records. */
  heads(): ChainHead[] {
    return [...this.#heads.values()].filter(({ sequence }) => sequence > 0);
  }

  /** Commits what was recorded so far, or gives it up if the store cannot be reached now. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#draining;
  }

  #start(): void {
    this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length + this.#notes.length > 0) {
      await endOfTurn();
      const batch = this.#take();
      try {
        await this.#commit(batch);
      } catch (error) {
        this.#isUncertain = true;
        this.#giveUp(batch, error);
        if (this.#isClosing && this.#waiting.length === 0) break;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
    // In the same turn as the last look: whoever comes later must find nobody draining, or nobody would record it.
    this.#draining = undefined;
  }

  /** Those who wait come first: refusals never displace the record of a token. */
  #take(): Pending[] {
    const batch = this.#waiting.splice(0, MAX_BATCH);
    return [...batch, ...this.#notes.splice(0, MAX_BATCH - batch.length)];
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    const { store, clock, metrics } = this.#parts;
    const begin = clock();
    if (this.#isUncertain) await this.#askForHeads();
    const extended = [...this.#heads].map(([kind, head]) => {
      const entries = batch.filter((entry) => CLASSES[entry.kind] === kind);
      return { kind, count: entries.length, ...extendChain(head, entries, begin) };
    });
    const changed = extended.filter(({ count }) => count > 0);
    await store.append(
      changed.flatMap(({ records }) => records),
      changed.map(({ head }) => head),
    );
    for (const { kind, head } of changed) this.#heads.set(kind, head);
    for (const { kind, settle } of batch) {
      metrics.count("tokens_audit_records_total", { kind });
      settle?.resolve();
    }
    metrics.observe("tokens_audit_commit_seconds", (clock() - begin) / 1000);
    metrics.observe("tokens_audit_commit_records", batch.length);
    metrics.set("tokens_audit_waiting", this.#waiting.length + this.#notes.length);
  }

  async #askForHeads(): Promise<void> {
    const stored = await this.#parts.store.heads();
    for (const [kind, head] of this.#heads) {
      const found = stored.find(({ chain }) => chain === head.chain);
      if (found) this.#heads.set(kind, found);
    }
    this.#isUncertain = false;
  }

  /** Whoever waits is told; what nobody waits for is tried again. */
  #giveUp(batch: readonly Pending[], error: unknown): void {
    const { log, metrics } = this.#parts;
    metrics.count("tokens_audit_failed_commits_total");
    log.error({ err: error, records: batch.length }, "audit records could not be committed");
    for (const { settle } of batch) settle?.reject(new StorageUnavailable("the audit record is not committed", error));
    const again = [...batch.filter(({ settle }) => settle === undefined), ...this.#notes];
    this.#notes = again.slice(-MAX_NOTES);
    for (const { kind } of again.slice(0, -MAX_NOTES)) this.#lose(kind);
  }

  #lose(kind: AuditKind): void {
    this.#parts.metrics.count("tokens_audit_lost_total", { kind });
  }
}

/** When all that this turn of the event loop has to do is done. */
function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function pendingOf({ kind, columns }: AuditEntry): Pending {
  return { kind, data: JSON.stringify(columns) };
}
