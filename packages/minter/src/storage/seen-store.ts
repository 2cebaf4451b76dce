import { sql } from "kysely";
import type { SeenRequest, SeenStore } from "../machine-tokens/seen-store.js";
import type { Database } from "./tables.js";

/** Used requests as rows. */
export function sqlSeenStore({ db, engine }: Database): SeenStore {
  return {
    add: async (requests) => {
      const rows = engine === "postgres" ? postgresRows(requests) : sqliteRows(requests);
      const insert = sql<{
        id: string;
      }>`insert into seen_requests (id, until_s) ${rows} on conflict do nothing returning id`;
      return new Set((await insert.execute(db)).rows.map(({ id }) => id));
    },
    removeOver: async (untilSeconds, limit) => {
      const over = db.selectFrom("seen_requests").select("id").where("until_s", "<", untilSeconds).limit(limit);
      const { numDeletedRows } = await db.deleteFrom("seen_requests").where("id", "in", over).executeTakeFirst();
      return Number(numDeletedRows);
    },
    count: async () => {
      const { count } = await db
        .selectFrom("seen_requests")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      return Number(count);
    },
  };
}

/** In one order for everybody: two servers that remember the same requests then wait for each other, in no circle. */
function postgresRows(requests: readonly SeenRequest[]) {
  const sorted = requests.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const [ids, untils] = [sorted.map(({ id }) => id), sorted.map(({ untilSeconds }) => untilSeconds)];
  return sql`select * from unnest(${ids}::text[], ${untils}::bigint[])`;
}

/** As one parameter: the statement stays the same, whatever their number. SQLite wants a condition before the conflict. */
function sqliteRows(requests: readonly SeenRequest[]) {
  const json = JSON.stringify(requests.map(({ id, untilSeconds }) => [id, untilSeconds]));
  return sql`select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(${json}) where true`;
}
