import { hash } from "node:crypto";
import type { AuditKind, AuditRecord, ChainHead } from "./audit-store.js";

/** What the first record of a chain names as the hash of the one before. */
export const NO_RECORD: Uint8Array = new Uint8Array(32);

/** Set apart from everything else that is ever hashed or signed here. */
const CONTEXT = "tokens audit record v1";

/**
 * The hash of a record, SHA-256 over all of it and so over everything before it. No part but the last can hold a line
 * feed, so that no two records are hashed as the same text.
 */
export function hashRecord({ chain, sequence, kind, timeMs, data, previous }: AuditRecord): Uint8Array {
  const before = Buffer.from(previous).toString("hex");
  const text = [CONTEXT, before, chain, sequence, kind, timeMs, data].join("\n");
  return hash("sha256", text, "buffer");
}

/** What is put into a chain. */
export interface ChainEntry {
  readonly kind: AuditKind;
  readonly data: string;
}

/** Makes records of entries, each following the one before; the result is the records and the new head. */
export function extendChain(
  head: ChainHead,
  entries: readonly ChainEntry[],
  nowMs: number,
): { records: AuditRecord[]; head: ChainHead } {
  const { chain } = head;
  // Clocks jump back; a reader who goes by time must still find a chain in its order.
  const timeMs = Math.max(head.timeMs, nowMs);
  let { sequence, hash } = head;
  const records = entries.map(({ kind, data }) => {
    const record = { chain, sequence: ++sequence, kind, timeMs, data, previous: hash };
    hash = hashRecord(record);
    return record;
  });
  return { records, head: { chain, sequence, hash, timeMs } };
}
