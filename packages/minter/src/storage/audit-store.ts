import { sql } from "kysely";
import type { AuditRecord, AuditStore } from "../audit/audit-store.js";
import type { Database, Tables } from "./tables.js";

/** How an engine appends records in one round trip. */
export type AuditAppend = AuditStore["append"];

/** Audit records as rows. */
export function sqlAuditStore({ db }: Database, append: AuditAppend): AuditStore {
  const records = () => db.selectFrom("audit_records").selectAll();
  const ofChain = (chain: string) => records().where("chain", "=", chain);
  return {
    append,
    heads: async () => {
      const rows = await db.selectFrom("audit_chains").selectAll().orderBy("chain").execute();
      return rows.map(({ time_ms: timeMs, ...head }) => ({ ...head, timeMs }));
    },
    records: async (after, limit) => {
      const position = sql<boolean>`(time_ms, chain, sequence) > (${after.timeMs}, ${after.chain}, ${after.sequence})`;
      const ordered = records().where(position).orderBy("time_ms").orderBy("chain").orderBy("sequence");
      return (await ordered.limit(limit).execute()).map(recordOf);
    },
    chainRecords: async (chain, afterSequence, limit) => {
      const rows = ofChain(chain).where("sequence", ">", afterSequence).orderBy("sequence").limit(limit);
      return (await rows.execute()).map(recordOf);
    },
    removeThrough: async (chain, sequence, limit) => {
      const first = await ofChain(chain).orderBy("sequence").limit(1).executeTakeFirst();
      if (!first || first.sequence > sequence) return 0;
      const last = Math.min(sequence, first.sequence + limit - 1);
      const removal = db.deleteFrom("audit_records").where("chain", "=", chain).where("sequence", "<=", last);
      return Number((await removal.executeTakeFirst()).numDeletedRows);
    },
    removeChain: async (chain) => void (await db.deleteFrom("audit_chains").where("chain", "=", chain).execute()),
    ...checkpointStore(db),
  };
}

function recordOf({ time_ms: timeMs, ...row }: Tables["audit_records"]): AuditRecord {
  return { ...row, timeMs };
}

function checkpointStore(db: Database["db"]) {
  const checkpoints = () => db.selectFrom("audit_checkpoints").selectAll();
  const checkpointOf = ({ time_ms: timeMs, key_id: keyId, ...row }: Tables["audit_checkpoints"]) => ({
    ...row,
    timeMs,
    keyId,
  });
  const store: Pick<AuditStore, "checkpoints" | "lastCheckpoint" | "addCheckpoint" | "removeCheckpointsBelow"> = {
    checkpoints: async (afterNumber, limit) => {
      const rows = checkpoints().where("number", ">", afterNumber).orderBy("number").limit(limit);
      return (await rows.execute()).map(checkpointOf);
    },
    lastCheckpoint: async () => {
      const row = await checkpoints().orderBy("number", "desc").limit(1).executeTakeFirst();
      return row && checkpointOf(row);
    },
    addCheckpoint: ({ timeMs, keyId, ...rest }, heads) =>
      db.transaction().execute(async (transaction) => {
        const insert = transaction
          .insertInto("audit_checkpoints")
          .values({ ...rest, time_ms: timeMs, key_id: keyId })
          .onConflict((conflict) => conflict.column("number").doNothing());
        const { numInsertedOrUpdatedRows: added } = await insert.executeTakeFirstOrThrow();
        if (added !== 1n) return "taken";
        for (const { chain, sequence } of heads) {
          const update = transaction.updateTable("audit_chains").set({ checkpointed: sequence });
          await update.where("chain", "=", chain).execute();
        }
        return "added";
      }),
    removeCheckpointsBelow: async (number) =>
      void (await db.deleteFrom("audit_checkpoints").where("number", "<", number).execute()),
  };
  return store;
}
