import type { ExpressionBuilder, Insertable, Selectable, Transaction } from "kysely";
import {
  type Feed,
  type FeedEntry,
  type FeedStore,
  MAX_FEED_ENTRIES,
  type NewRevocation,
} from "../trust/feed-store.js";
import type { PublishedKey } from "../trust/public-documents.js";
import { readSubject, subjectText } from "../trust/subject-text.js";
import type { Database, Tables } from "./tables.js";

/** Rows that one statement inserts. */
const ROWS_AT_ONCE = 500;

type Row = Selectable<Tables["revocations"]>;

/** The revocation feed as rows. What is removed stays for a while, so that it can be told what went. */
export function sqlFeedStore({ db }: Database): FeedStore {
  return {
    number: async () => (await db.selectFrom("trust_feed").select("number").executeTakeFirstOrThrow()).number,
    read: async () => {
      // What others write after this row was read has higher numbers.
      const head = await db.selectFrom("trust_feed").selectAll().executeTakeFirstOrThrow();
      const rows = db.selectFrom("revocations").selectAll().where("number", "<=", head.number).orderBy("number");
      return feedOf(head, await rows.execute());
    },
    add: (revocations) =>
      db.transaction().execute((transaction) => addRevocations(transaction, revocations, MAX_FEED_ENTRIES)),
    removeMachine: (fqdn, nowMs) =>
      db
        .transaction()
        .execute((transaction) =>
          remove(transaction, nowMs, (eb) => eb.and([eb("kind", "=", "machine"), eb("subject", "=", fqdn)])),
        ),
    removeEnded: async (beforeSeconds, nowMs) => {
      await db
        .transaction()
        .execute((transaction) => remove(transaction, nowMs, (eb) => eb("until_s", "<", beforeSeconds)));
    },
    setKeys: async (keys, number) => {
      const values = {
        number: number + 1,
        keys: JSON.stringify(keys.map(({ keyId, certificatePem }) => ({ keyId, certificatePem }))),
      };
      const update = db.updateTable("trust_feed").set(values).where("number", "=", number);
      return (await update.returning("number").executeTakeFirst()) !== undefined;
    },
    moveAbove: async (number) => {
      const values = { number: number + 1, history_from: number + 1 };
      await db.updateTable("trust_feed").set(values).where("number", "<=", number).execute();
    },
    forgetRemoved: (beforeMs) => db.transaction().execute((transaction) => forgetRemoved(transaction, beforeMs)),
  };
}

/** Adds revocations up to a number of entries within a transaction, so that what they come from and they themselves are kept together. */
export async function addRevocations(
  transaction: Transaction<Tables>,
  revocations: readonly NewRevocation[],
  maxEntries: number,
): Promise<readonly FeedEntry[]> {
  await moveOn(transaction, 0);
  const taken = revocations.slice(0, await roomIn(transaction, maxEntries));
  if (taken.length === 0) return [];
  const number = await moveOn(transaction, taken.length);
  const entries = taken.map((revocation, index) => ({ ...revocation, number: number - taken.length + 1 + index }));
  for (const entry of entries)
    if (entry.subject.kind !== "certificate") await replaceShorter(transaction, entry, number);
  for (let start = 0; start < entries.length; start += ROWS_AT_ONCE) {
    const rows = entries.slice(start, start + ROWS_AT_ONCE).map(rowOf);
    await transaction.insertInto("revocations").values(rows).execute();
  }
  return entries;
}

/** Takes the next numbers, and with them the right to change the feed until the transaction ends. Answers the last one. */
async function moveOn(transaction: Transaction<Tables>, by: number): Promise<number> {
  const update = transaction.updateTable("trust_feed").set((eb) => ({ number: eb("number", "+", by) }));
  return (await update.returning("number").executeTakeFirstOrThrow()).number;
}

async function roomIn(transaction: Transaction<Tables>, maxEntries: number): Promise<number> {
  const query = transaction.selectFrom("revocations").select((eb) => eb.fn.countAll<number>().as("count"));
  const { count } = await query.where("removed_number", "is", null).executeTakeFirstOrThrow();
  return Math.max(maxEntries - Number(count), 0);
}

async function replaceShorter(transaction: Transaction<Tables>, entry: FeedEntry, number: number): Promise<void> {
  const { kind, subject, until_s: until } = rowOf(entry);
  const same = transaction
    .updateTable("revocations")
    .set({ removed_number: number, removed_at_ms: entry.revokedAtMs })
    .where("removed_number", "is", null)
    .where("kind", "=", kind)
    .where("subject", "=", subject);
  await (until === null ? same : same.where("until_s", "<=", until)).execute();
}

type Which = (
  eb: ExpressionBuilder<Tables, "revocations">,
) => ReturnType<ExpressionBuilder<Tables, "revocations">["and"]>;

async function remove(transaction: Transaction<Tables>, nowMs: number, which: Which): Promise<readonly FeedEntry[]> {
  const before = await moveOn(transaction, 0);
  const rows = await transaction
    .updateTable("revocations")
    .set({ removed_number: before + 1, removed_at_ms: nowMs })
    .where("removed_number", "is", null)
    .where(which)
    .returningAll()
    .execute();
  if (rows.length > 0) await moveOn(transaction, 1);
  return rows.map(entryOf).toSorted((one, other) => one.number - other.number);
}

async function forgetRemoved(transaction: Transaction<Tables>, beforeMs: number): Promise<void> {
  const gone = await transaction
    .deleteFrom("revocations")
    .where("removed_at_ms", "<", beforeMs)
    .returning("removed_number")
    .execute();
  const last = Math.max(...gone.map(({ removed_number: number }) => number ?? 0));
  if (gone.length === 0) return;
  await transaction.updateTable("trust_feed").set({ history_from: last }).where("history_from", "<", last).execute();
}

function feedOf(head: Selectable<Tables["trust_feed"]>, rows: readonly Row[]): Feed {
  const goneFrom = ({ removed_number: number }: Row) => number ?? Number.POSITIVE_INFINITY;
  return {
    number: head.number,
    keys: JSON.parse(head.keys) as PublishedKey[],
    entries: rows.filter((row) => goneFrom(row) > head.number).map(entryOf),
    removed: rows
      .filter((row) => goneFrom(row) <= head.number)
      .map((row) => ({ number: row.number, goneFrom: goneFrom(row) })),
    historyFrom: head.history_from,
  };
}

function entryOf(row: Row): FeedEntry {
  return {
    number: row.number,
    subject: readSubject(row.kind, row.subject),
    until: row.until_s ?? Number.POSITIVE_INFINITY,
    reason: row.reason,
    revokedBy: row.revoked_by,
    revokedAtMs: row.revoked_at_ms,
  };
}

function rowOf({
  number,
  subject,
  until,
  reason,
  revokedBy,
  revokedAtMs,
}: FeedEntry): Insertable<Row> & Pick<Row, "kind" | "subject" | "until_s"> {
  return {
    number,
    kind: subject.kind,
    subject: subjectText(subject),
    until_s: Number.isFinite(until) ? Math.ceil(until) : null,
    reason,
    revoked_by: revokedBy,
    revoked_at_ms: revokedAtMs,
    removed_number: null,
    removed_at_ms: null,
  };
}
