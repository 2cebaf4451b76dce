import type { Job } from "../jobs/leased-jobs.js";
import type { Signer } from "../keys/signer.js";
import { AuditLog, type AuditLogParts } from "./audit-log.js";
import type { ChainHead } from "./audit-store.js";
import { addCheckpoint } from "./checkpoint.js";
import type { Recorder } from "./recorder.js";
import { RefusalCounter } from "./refusal-counter.js";
import { removeOldRecords, type RetentionAges } from "./retention.js";

/** What auditing needs. */
export interface AuditParts extends AuditLogParts {
  /** Signs checkpoints. */
  readonly signer: () => Signer;
  readonly ages: RetentionAges;
}

/** Auditing that runs: where features write to, and what one of all replicas has to do for it. */
export interface Audit {
  readonly recorder: Recorder;
  readonly jobs: readonly Job[];
  /** Records what is left, and signs a last checkpoint. */
  stop(): Promise<void>;
}

const MINUTE_MS = 60_000;
const RETENTION_EVERY_MS = 600_000;

/** A chain whose last records have no checkpoint after this long was left by a process that is gone, in milliseconds. */
const ABANDONED_MS = 90_000;

/** Between two bites of old records, in milliseconds. */
const BITE_PAUSE_MS = 25;

/** Starts auditing: each minute a summary of the refusals, and a checkpoint of what this process wrote. */
export function startAudit(parts: AuditParts): Audit {
  const log = new AuditLog(parts);
  const refusals = new RefusalCounter();
  const checked = new Map<string, number>();
  const flush = async () => {
    const summary = refusals.take();
    if (summary) log.note(summary);
    const heads = log.heads().filter(({ chain, sequence }) => sequence > (checked.get(chain) ?? 0));
    await checkpoint(parts, heads);
    for (const { chain, sequence } of heads) checked.set(chain, sequence);
  };
  const report = (error: unknown) => parts.log.error({ err: error }, "no checkpoint could be made; it is tried again");
  const timer = setInterval(() => void flush().catch(report), MINUTE_MS).unref();
  return {
    recorder: {
      record: (entry) => log.record(entry),
      note: (entry) => log.note(entry),
      count: (method, reason, peer) => refusals.count(method, reason, peer),
    },
    jobs: [
      { name: "audit-checkpoint", everyMs: MINUTE_MS, run: () => checkpointAbandoned(parts) },
      { name: "audit-retention", everyMs: RETENTION_EVERY_MS, run: () => retain(parts) },
    ],
    stop: async () => {
      clearInterval(timer);
      const summary = refusals.take();
      if (summary) log.note(summary);
      await log.close();
      await flush().catch(report);
    },
  };
}

async function checkpoint({ store, signer, clock, metrics }: AuditParts, heads: readonly ChainHead[]): Promise<void> {
  if (heads.length === 0) return;
  const { timeMs } = await addCheckpoint(store, signer(), { heads }, clock());
  metrics.set("tokens_audit_checkpoint_seconds", timeMs / 1000);
}

/** Chains of processes that ended without a last checkpoint: from now on they cannot be changed either. */
async function checkpointAbandoned(parts: AuditParts): Promise<void> {
  const heads = await parts.store.heads();
  const before = parts.clock() - ABANDONED_MS;
  await checkpoint(
    parts,
    heads.filter(({ sequence, checkpointed, timeMs }) => sequence > checkpointed && timeMs < before),
  );
}

async function retain({ store, signer, ages, clock, log, metrics }: AuditParts): Promise<void> {
  const pause = () => new Promise<void>((resolve) => setTimeout(resolve, BITE_PAUSE_MS));
  const removed = await removeOldRecords({ store, signer: signer(), ages, pause }, clock());
  metrics.count("tokens_audit_removed_total", {}, removed);
  if (removed > 0) log.info({ removed }, "audit records removed by age");
}
