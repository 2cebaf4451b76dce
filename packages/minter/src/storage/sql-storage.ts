import { sql } from "kysely";
import { type AuditAppend, sqlAuditStore } from "./audit-store.js";
import { sqlAuthorityStore } from "./authority-store.js";
import { sqlCrlStore } from "./crl-store.js";
import { sqlFeedStore } from "./feed-store.js";
import { sqlKeyStore } from "./key-store.js";
import { sqlLeaseStore } from "./lease-store.js";
import { migrate } from "./migrate.js";
import { sqlPolicyStore } from "./policy-store.js";
import { sqlSeenStore } from "./seen-store.js";
import type { Storage } from "./storage.js";
import type { Database } from "./tables.js";

/** Brings a database up to date and puts the stores on it. Closes it again when that fails. */
export async function openSqlStorage(database: Database, append: AuditAppend): Promise<Storage> {
  try {
    await migrate(database);
  } catch (error) {
    await database.db.destroy();
    throw error;
  }
  return {
    keys: sqlKeyStore(database),
    policies: sqlPolicyStore(database),
    authorities: sqlAuthorityStore(database),
    crls: sqlCrlStore(database),
    feed: sqlFeedStore(database),
    leases: sqlLeaseStore(database),
    audit: sqlAuditStore(database, append),
    seen: sqlSeenStore(database),
    ping: async () => void (await sql`select 1`.execute(database.db)),
    close: () => database.db.destroy(),
  };
}
