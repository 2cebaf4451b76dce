import { sql } from "kysely";
import type { LeaseStore } from "../jobs/lease-store.js";
import { storeClock } from "./store-clock.js";
import type { Database } from "./tables.js";

/** Leases as rows. */
export function sqlLeaseStore({ db, engine }: Database): LeaseStore {
  const now = storeClock(engine);
  return {
    acquire: async (name, holder, durationMs) => {
      const until = sql<number>`${now} + ${durationMs}`;
      const lease = await db
        .insertInto("leases")
        .values({ name, holder, until_ms: until, ran_at_ms: null })
        .onConflict((conflict) =>
          conflict
            .column("name")
            .doUpdateSet({ holder, until_ms: until })
            .where((where) => where.or([where("leases.until_ms", "<", now), where("leases.holder", "=", holder)])),
        )
        .returning(sql<number | null>`${now} - ran_at_ms`.as("ms_ago"))
        .executeTakeFirst();
      return lease && { lastRunMsAgo: lease.ms_ago ?? undefined };
    },
    noteRun: async (name, holder) => {
      const own = db.updateTable("leases").where("name", "=", name).where("holder", "=", holder);
      await own.set({ ran_at_ms: now }).execute();
    },
    release: async (name, holder) => {
      const own = db.updateTable("leases").where("name", "=", name).where("holder", "=", holder);
      await own.set({ until_ms: 0 }).execute();
    },
  };
}
