import { type Migration, type MigrationProvider, Migrator, sql } from "kysely";
import { migrations } from "./migrations.js";
import type { Database } from "./tables.js";

/** A database that this program must not use. The message says why and what to do. */
export class StorageVersionError extends Error {
  override name = "StorageVersionError";
}

/** Applies the migrations that the database lacks; several servers may do so at once. Throws a StorageVersionError. */
export async function migrate({ db, engine }: Database): Promise<void> {
  const known = migrations(engine);
  const provider: MigrationProvider = { getMigrations: () => Promise.resolve(allOrNothing(known)) };
  // The lock that the dialects take for the time of the migrations is a transaction already.
  const migrator = new Migrator({ db, provider, allowUnorderedMigrations: true, disableTransactions: true });
  await refuseNewer({ db, engine }, new Set(Object.keys(known)));
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

/** A newer program may have changed what the tables mean. */
async function refuseNewer({ db }: Database, known: ReadonlySet<string>): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === "kysely_migration")) return;
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  const unknown = rows.map(({ name }) => name).filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  throw new StorageVersionError(
    `the database was written by a newer version of this program (it has ${unknown.join(", ")}); run that version`,
  );
}

/** The lock's transaction ends with a commit; what failed half-way must be undone before. */
function allOrNothing(known: Record<string, Migration>): Record<string, Migration> {
  const guarded = Object.entries(known).map(([name, { up }]): [string, Migration] => [
    name,
    {
      up: async (db) => {
        try {
          await up(db);
        } catch (error) {
          await sql`rollback`.execute(db);
          throw error;
        }
      },
    },
  ]);
  return Object.fromEntries(guarded);
}
