import { Kysely } from "kysely";
import { Pool, types } from "pg";
import type { AuditAppend } from "./audit-store.js";
import { orUnavailable, OurPostgresDialect } from "./postgres-dialect.js";
import { openSqlStorage } from "./sql-storage.js";
import type { Storage } from "./storage.js";
import type { Tables } from "./tables.js";

/** How long to wait for a connection, and for the answer to a query, in milliseconds. */
const CONNECT_MS = 5_000;
const QUERY_MS = 15_000;
const MAX_CONNECTIONS = 10;

/**
 * Opens storage on PostgreSQL, for any number of servers. Throws a StorageUnavailable when it cannot be reached, a
 * StorageVersionError when a newer program wrote it.
 */
export async function openPostgresStorage(url: string): Promise<Storage> {
  const pool = new Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: QUERY_MS,
    statement_timeout: QUERY_MS,
    keepAlive: true,
    types: { getTypeParser: parserOf },
  });
  // A connection that breaks is replaced, and whoever was using it gets a rejection. Without listeners the event would
  // end the process: the pool has it for idle connections, the client for one that is handed out between two queries.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  const db = new Kysely<Tables>({ dialect: new OurPostgresDialect({ pool }) });
  return openSqlStorage({ db, engine: "postgres" }, appendWith(pool));
}

/** 64-bit numbers are times and counts here: what JavaScript cannot hold exactly is a defect and not rounded. */
function parserOf(oid: number, format?: "text" | "binary"): (text: string) => unknown {
  if (oid !== types.builtins.INT8) return types.getTypeParser(oid, format ?? "text") as (text: string) => unknown;
  return (text) => {
    const number = Number(text);
    if (!Number.isSafeInteger(number)) throw new RangeError("a number in the database is too large");
    return number;
  };
}

/** One statement, so that one round trip appends all records and moves all heads, or nothing. */
const APPEND = `
WITH appended AS (
  INSERT INTO audit_records (chain, sequence, kind, time_ms, data, previous)
  SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bytea[])
)
INSERT INTO audit_chains (chain, sequence, hash, time_ms)
SELECT * FROM unnest($7::text[], $8::bigint[], $9::bytea[], $10::bigint[])
ON CONFLICT (chain) DO UPDATE
SET sequence = excluded.sequence, hash = excluded.hash, time_ms = excluded.time_ms`;

function appendWith(pool: Pool): AuditAppend {
  return async (records, heads) => {
    const values = [
      records.map(({ chain }) => chain),
      records.map(({ sequence }) => sequence),
      records.map(({ kind }) => kind),
      records.map(({ timeMs }) => timeMs),
      records.map(({ data }) => data),
      records.map(({ previous }) => previous),
      heads.map(({ chain }) => chain),
      heads.map(({ sequence }) => sequence),
      heads.map(({ hash }) => hash),
      heads.map(({ timeMs }) => timeMs),
    ];
    await orUnavailable(pool.query({ name: "audit-append", text: APPEND, values }));
  };
}
