import type { Signer } from "../keys/signer.js";
import { hashRecord } from "./audit-chain.js";
import { type RetentionClass, retentionClassOf } from "./audit-log.js";
import type { AuditRecord, AuditStore, ChainHead, StoredHead } from "./audit-store.js";
import { addCheckpoint } from "./checkpoint.js";

/** How long records are kept, in milliseconds, by class. */
export type RetentionAges = Readonly<Record<RetentionClass, number>>;

/** What removing old records needs. */
export interface Retention {
  readonly store: AuditStore;
  /** Signs what is cut off, before it goes. */
  readonly signer: Signer;
  readonly ages: RetentionAges;
  /** Called between bites, so that records of tokens get their turn. */
  readonly pause: () => Promise<void>;
}

/** Records that go at a time: so few that nobody who mints meanwhile feels it. */
const BITE = 500;

/** Checkpoints that are looked at together. */
const PAGE = 500;

/**
 * Removes the records that are too old, oldest first, after a checkpoint that says what goes; the result is how many went.
 * It can be stopped at any moment and goes on with the next call.
 */
export async function removeOldRecords({ store, signer, ages, pause }: Retention, nowMs: number): Promise<number> {
  const heads = await store.heads();
  const cuts: ChainHead[] = [];
  for (const head of heads) {
    const last = await lastOlderThan(store, head, nowMs - ages[retentionClassOf(head.chain)]);
    if (last) cuts.push({ chain: last.chain, sequence: last.sequence, hash: hashRecord(last), timeMs: last.timeMs });
  }
  if (cuts.length === 0) return 0;
  const firstKept = await firstCheckpointSince(store, nowMs - Math.max(...Object.values(ages)));
  await addCheckpoint(store, signer, { cuts, firstKept }, nowMs);
  let removed = 0;
  for (const cut of cuts) {
    for (let bite = BITE; bite === BITE; removed += bite) {
      bite = await store.removeThrough(cut.chain, cut.sequence, BITE);
      await pause();
    }
    const isOver = heads.some(({ chain, sequence }) => chain === cut.chain && sequence === cut.sequence);
    if (isOver) await store.removeChain(cut.chain);
  }
  await store.removeCheckpointsBelow(firstKept);
  return removed;
}

/** Times within a chain never go back, so that the place is found by halving. */
async function lastOlderThan(store: AuditStore, head: StoredHead, timeMs: number): Promise<AuditRecord | undefined> {
  const after = async (sequence: number) => (await store.chainRecords(head.chain, sequence, 1))[0];
  let found = await after(0);
  if (!found || found.timeMs >= timeMs) return undefined;
  let tooNew = head.sequence + 1;
  while (tooNew - found.sequence > 1) {
    const middle = Math.floor((found.sequence + tooNew) / 2);
    const record = await after(middle - 1);
    if (record && record.timeMs < timeMs) found = record;
    else tooNew = middle;
  }
  return found;
}

async function firstCheckpointSince(store: AuditStore, timeMs: number): Promise<number> {
  let number = 0;
  for (;;) {
    const page = await store.checkpoints(number, PAGE);
    const recent = page.find((checkpoint) => checkpoint.timeMs >= timeMs);
    if (recent) return recent.number;
    if (page.length < PAGE) return (page.at(-1)?.number ?? number) + 1;
    number = page.at(-1)?.number ?? number;
  }
}
