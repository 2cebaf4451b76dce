import type { Insertable, Selectable, Transaction } from "kysely";
import type { CrlHead, CrlParts, CrlStore, NewlyRevoked } from "../certificate-authorities/crl-store.js";
import { MAX_LISTED_ENTRIES, type NewRevocation } from "../trust/feed-store.js";
import { addRevocations } from "./feed-store.js";
import type { Database, Tables } from "./tables.js";

/** Revocation lists as rows, the lists themselves in parts: no statement takes long, whatever the size of a list. */
export function sqlCrlStore(database: Database): CrlStore {
  const { db } = database;
  const noteCheck = async (listId: string, values: Omit<Insertable<Tables["crl_checks"]>, "list_id">) => {
    await db
      .insertInto("crl_checks")
      .values({ list_id: listId, ...values })
      .onConflict((conflict) =>
        conflict.column("list_id").doUpdateSet({
          ...values,
          checked_at_ms: (eb) => eb.fn.coalesce("excluded.checked_at_ms", "crl_checks.checked_at_ms"),
        }),
      )
      .execute();
  };
  return {
    heads: async () => (await db.selectFrom("crls").selectAll().orderBy("list_id").execute()).map(headOf),
    part: async ({ listId, digest }, index) => {
      const query = db.selectFrom("crl_parts").select("bytes").where("list_id", "=", listId);
      return (await query.where("digest", "=", digest).where("part", "=", index).executeTakeFirst())?.bytes;
    },
    take: async (head, parts, revoked) => {
      await addParts(database, head, parts);
      return takePlace(database, head, revoked ? revocationsOf(head, revoked) : []);
    },
    setEtag: async ({ listId, version }, etag) => {
      await db.updateTable("crls").set({ etag }).where("list_id", "=", listId).where("version", "=", version).execute();
    },
    checks: async () => {
      const rows = await db.selectFrom("crl_checks").selectAll().orderBy("list_id").execute();
      return rows.map(({ list_id, checked_at_ms, failed_at_ms, failure }) => ({
        listId: list_id,
        checkedAtMs: checked_at_ms ?? undefined,
        failedAtMs: failed_at_ms ?? undefined,
        failure,
      }));
    },
    noteChecked: (listId, atMs) => noteCheck(listId, { checked_at_ms: atMs, failed_at_ms: null, failure: "" }),
    noteFailed: (listId, atMs, failure) => noteCheck(listId, { checked_at_ms: null, failed_at_ms: atMs, failure }),
  };
}

/** Parts stand under the list's digest, so that two who take the same list do not disturb each other. */
async function addParts({ db }: Database, { listId, digest }: CrlHead, parts: CrlParts): Promise<void> {
  let part = 0;
  for await (const bytes of parts) {
    await db
      .insertInto("crl_parts")
      .values({ list_id: listId, digest, part: part++, bytes })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

/**
 * The version is compared and set in one statement. The parts of the list before, and of those who lost, go; what the list
 * brings gets into the feed, so that it can be missing there never.
 */
function takePlace({ db }: Database, head: CrlHead, revocations: readonly NewRevocation[]): Promise<"taken" | "stale"> {
  const { listId, version, digest } = head;
  return db.transaction().execute(async (transaction) => {
    if (!(await placeHead(transaction, head, version))) return "stale";
    await transaction.deleteFrom("crl_parts").where("list_id", "=", listId).where("digest", "!=", digest).execute();
    await addRevocations(transaction, revocations, MAX_LISTED_ENTRIES);
    return "taken";
  });
}

function revocationsOf({ listId, takenAtMs }: CrlHead, { caIds, certSns, until }: NewlyRevoked): NewRevocation[] {
  const who = { until, reason: "", revokedBy: `crl ${listId}`, revokedAtMs: takenAtMs };
  return caIds.flatMap((caId) => certSns.map((certSn) => ({ subject: { kind: "certificate", caId, certSn }, ...who })));
}

async function placeHead(transaction: Transaction<Tables>, head: CrlHead, version: number): Promise<boolean> {
  const row = rowOf(head);
  if (version === 1) {
    const insert = transaction.insertInto("crls").values(row);
    const placed = await insert
      .onConflict((conflict) => conflict.doNothing())
      .returning("version")
      .executeTakeFirst();
    return placed !== undefined;
  }
  const update = transaction.updateTable("crls").set(row).where("list_id", "=", head.listId);
  return (
    (await update
      .where("version", "=", version - 1)
      .returning("version")
      .executeTakeFirst()) !== undefined
  );
}

const rowOf = (head: CrlHead): Selectable<Tables["crls"]> => ({
  list_id: head.listId,
  version: head.version,
  this_update_s: head.thisUpdateSeconds,
  next_update_s: head.nextUpdateSeconds ?? null,
  number: head.number === undefined ? null : String(head.number),
  entries: head.entries,
  digest: head.digest,
  etag: head.etag,
  taken_at_ms: head.takenAtMs,
  parts: head.parts,
});

const headOf = (row: Selectable<Tables["crls"]>): CrlHead => ({
  listId: row.list_id,
  version: row.version,
  thisUpdateSeconds: row.this_update_s,
  nextUpdateSeconds: row.next_update_s ?? undefined,
  number: row.number === null ? undefined : BigInt(row.number),
  entries: row.entries,
  digest: row.digest,
  etag: row.etag,
  takenAtMs: row.taken_at_ms,
  parts: row.parts,
});
