import {
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type MigrationLockOptions,
  PostgresAdapter,
  PostgresDialect,
  type PostgresDialectConfig,
  sql,
} from "kysely";
import { DatabaseError } from "pg";
import { StorageUnavailable } from "./storage-unavailable.js";

/** Kysely's PostgreSQL with locks that every database of its kind has, and with outages told from mistakes. */
export class OurPostgresDialect extends PostgresDialect implements Dialect {
  override createAdapter(): PostgresAdapter {
    return new RowLockAdapter();
  }

  override createDriver(): Driver {
    return reportOutages(super.createDriver());
  }
}

export type { PostgresDialectConfig };

/**
 * Locks a row for the time of the migrations: advisory locks, as Kysely takes them, are missing in CockroachDB and
 * YugabyteDB. The migrations then run in the lock's transaction, and not in one of their own.
 */
class RowLockAdapter extends PostgresAdapter {
  // oxlint-disable-next-line typescript/no-explicit-any -- Kysely's own signature
  override async acquireMigrationLock(db: Kysely<any>, { lockTable, lockRowId }: MigrationLockOptions): Promise<void> {
    await sql`begin`.execute(db);
    await sql`select id from ${sql.table(lockTable)} where id = ${lockRowId} for update`.execute(db);
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- Kysely's own signature
  override async releaseMigrationLock(db: Kysely<any>): Promise<void> {
    await sql`commit`.execute(db);
  }
}

function reportOutages(driver: Driver): Driver {
  const connections = new WeakMap<DatabaseConnection, DatabaseConnection>();
  const original = (connection: DatabaseConnection) => connections.get(connection) ?? connection;
  return {
    init: () => driver.init(),
    acquireConnection: async () => {
      const connection = await orUnavailable(driver.acquireConnection());
      const reporting: DatabaseConnection = {
        executeQuery: (query) => orUnavailable(connection.executeQuery(query)),
        streamQuery: (query, size) => connection.streamQuery(query, size),
      };
      connections.set(reporting, connection);
      return reporting;
    },
    beginTransaction: (connection, settings) => orUnavailable(driver.beginTransaction(original(connection), settings)),
    commitTransaction: (connection) => orUnavailable(driver.commitTransaction(original(connection))),
    rollbackTransaction: (connection) => orUnavailable(driver.rollbackTransaction(original(connection))),
    releaseConnection: (connection) => driver.releaseConnection(original(connection)),
    destroy: () => driver.destroy(),
  };
}

/**
 * Classes of SQLSTATE that are about the server and not about the statement: connection, resources, operator, system,
 * and transactions that have to be tried again.
 */
const OUTAGE = /^(08|40|53|57|58|XX)/;

/** Passes a result on; an outage becomes a StorageUnavailable. What has no SQLSTATE never reached the server. */
export async function orUnavailable<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    const isStatement = error instanceof DatabaseError && !OUTAGE.test(error.code ?? "XX");
    if (isStatement || error instanceof StorageUnavailable || error instanceof RangeError) throw error;
    throw new StorageUnavailable("the database cannot be reached", error);
  }
}
