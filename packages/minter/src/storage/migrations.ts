import { type Kysely, type Migration, sql } from "kysely";
import { storeClock } from "./store-clock.js";
import type { Engine } from "./tables.js";

/**
 * All migrations by name, applied in the order of their names. A migration that was released is never changed: what comes
 * later brings one of its own.
 */
export function migrations(engine: Engine): Record<string, Migration> {
  return {
    "0001-keys-policies-leases": { up: (db) => createKeysPoliciesLeases(db, engine) },
    "0002-audit": { up: (db) => createAudit(db, engine) },
    "0003-certificate-authorities": { up: (db) => createCertificateAuthorities(db, engine) },
    "0004-key-ring": { up: addKeyRing },
    "0005-revocation-feed": { up: (db) => createRevocationFeed(db, engine) },
    "0006-seen-requests": { up: (db) => createSeenRequests(db, engine) },
  };
}

type Schema = Kysely<unknown>;

/** The type of byte strings. */
const bytes = (engine: Engine) => (engine === "postgres" ? sql`bytea` : sql`blob`);

async function createKeysPoliciesLeases({ schema }: Schema, engine: Engine): Promise<void> {
  await schema
    .createTable("signing_keys")
    .addColumn("key_id", "text", (column) => column.primaryKey())
    .addColumn("purpose", "text", (column) => column.notNull())
    .addColumn("generation", "bigint", (column) => column.notNull())
    .addColumn("private_key", bytes(engine), (column) => column.notNull())
    .addColumn("certificate_pem", "text", (column) => column.notNull())
    .addColumn("created_at_ms", "bigint", (column) => column.notNull())
    .addUniqueConstraint("signing_keys_generation", ["purpose", "generation"])
    .execute();
  await schema
    .createTable("policy_revisions")
    .addColumn("number", engine === "postgres" ? "bigserial" : "integer", (column) => column.primaryKey())
    .addColumn("revision", "text", (column) => column.notNull())
    .addColumn("files", "text", (column) => column.notNull())
    .addColumn("imported_at_ms", "bigint", (column) => column.notNull())
    .execute();
  await schema
    .createTable("leases")
    .addColumn("name", "text", (column) => column.primaryKey())
    .addColumn("holder", "text", (column) => column.notNull())
    .addColumn("until_ms", "bigint", (column) => column.notNull())
    .addColumn("ran_at_ms", "bigint")
    .execute();
}

/** Records lie in the order of their chains, which on SQLite saves an index. */
async function createAudit({ schema }: Schema, engine: Engine): Promise<void> {
  const records = schema
    .createTable("audit_records")
    .addColumn("chain", "text", (column) => column.notNull())
    .addColumn("sequence", "bigint", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("time_ms", "bigint", (column) => column.notNull())
    .addColumn("data", "text", (column) => column.notNull())
    .addColumn("previous", bytes(engine), (column) => column.notNull())
    .addPrimaryKeyConstraint("audit_records_key", ["chain", "sequence"]);
  await (engine === "sqlite" ? records.modifyEnd(sql`without rowid`) : records).execute();
  await schema
    .createIndex("audit_records_time")
    .on("audit_records")
    .columns(["time_ms", "chain", "sequence"])
    .execute();
  await schema
    .createTable("audit_chains")
    .addColumn("chain", "text", (column) => column.primaryKey())
    .addColumn("sequence", "bigint", (column) => column.notNull())
    .addColumn("hash", bytes(engine), (column) => column.notNull())
    .addColumn("time_ms", "bigint", (column) => column.notNull())
    .addColumn("checkpointed", "bigint", (column) => column.notNull().defaultTo(0))
    .execute();
  await schema
    .createTable("audit_checkpoints")
    .addColumn("number", "bigint", (column) => column.primaryKey())
    .addColumn("time_ms", "bigint", (column) => column.notNull())
    .addColumn("body", "text", (column) => column.notNull())
    .addColumn("key_id", "text", (column) => column.notNull())
    .addColumn("signature", bytes(engine), (column) => column.notNull())
    .execute();
}

/** An id is a 64-bit number, and CRL numbers have up to 160 bits: both are kept as decimal text. */
async function createCertificateAuthorities({ schema }: Schema, engine: Engine): Promise<void> {
  await schema
    .createTable("certificate_authorities")
    .addColumn("common_name", "text", (column) => column.primaryKey())
    .addColumn("config", bytes(engine), (column) => column.notNull())
    .addColumn("files", "text", (column) => column.notNull())
    .addColumn("added_revision", "text", (column) => column.notNull())
    .addColumn("updated_revision", "text", (column) => column.notNull())
    .addColumn("removed_revision", "text", (column) => column.notNull())
    .execute();
  await schema
    .createTable("authority_ids")
    .addColumn("unique_id", "text", (column) => column.primaryKey())
    .addColumn("common_name", "text", (column) => column.notNull())
    .execute();
  await schema
    .createTable("crls")
    .addColumn("list_id", "text", (column) => column.primaryKey())
    .addColumn("version", "bigint", (column) => column.notNull())
    .addColumn("this_update_s", "bigint", (column) => column.notNull())
    .addColumn("next_update_s", "bigint")
    .addColumn("number", "text")
    .addColumn("entries", "bigint", (column) => column.notNull())
    .addColumn("digest", "text", (column) => column.notNull())
    .addColumn("etag", "text", (column) => column.notNull())
    .addColumn("taken_at_ms", "bigint", (column) => column.notNull())
    .addColumn("parts", "bigint", (column) => column.notNull())
    .execute();
  await schema
    .createTable("crl_parts")
    .addColumn("list_id", "text", (column) => column.notNull())
    .addColumn("digest", "text", (column) => column.notNull())
    .addColumn("part", "bigint", (column) => column.notNull())
    .addColumn("bytes", bytes(engine), (column) => column.notNull())
    .addPrimaryKeyConstraint("crl_parts_key", ["list_id", "digest", "part"])
    .execute();
  await schema
    .createTable("crl_checks")
    .addColumn("list_id", "text", (column) => column.primaryKey())
    .addColumn("checked_at_ms", "bigint")
    .addColumn("failed_at_ms", "bigint")
    .addColumn("failure", "text", (column) => column.notNull())
    .execute();
}

/** What lay there before was a purpose's only key: made here, in plain, and signing from its first moment. */
async function addKeyRing({ schema }: Schema): Promise<void> {
  const keys = () => schema.alterTable("signing_keys");
  await keys()
    .addColumn("backend", "text", (column) => column.notNull().defaultTo("local"))
    .execute();
  await keys().addColumn("sealed_by", "text").execute();
  await keys()
    .addColumn("scrub_due", "integer", (column) => column.notNull().defaultTo(0))
    .execute();
  await keys()
    .addColumn("signs_from_ms", "bigint", (column) => column.notNull().defaultTo(0))
    .execute();
  await keys().addColumn("tainted_at_ms", "bigint").execute();
}

/**
 * The feed's number begins at the time in milliseconds: a database that is made anew is ahead of what the one before has
 * published. From there it counts changes, so that one that was put back to an older state is behind.
 */
async function createRevocationFeed(db: Schema, engine: Engine): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("trust_feed")
    .addColumn("id", "integer", (column) => column.primaryKey())
    .addColumn("number", "bigint", (column) => column.notNull())
    .addColumn("keys", "text", (column) => column.notNull())
    .addColumn("history_from", "bigint", (column) => column.notNull())
    .execute();
  // The clock is read once: PostgreSQL's goes on within a statement.
  const clock = sql`(select ${storeClock(engine)} as now) as clock`;
  await sql`insert into trust_feed (id, number, keys, history_from) select 1, now, '[]', now from ${clock}`.execute(db);
  await schema
    .createTable("revocations")
    .addColumn("number", "bigint", (column) => column.primaryKey())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("subject", "text", (column) => column.notNull())
    .addColumn("until_s", "bigint")
    .addColumn("reason", "text", (column) => column.notNull())
    .addColumn("revoked_by", "text", (column) => column.notNull())
    .addColumn("revoked_at_ms", "bigint", (column) => column.notNull())
    .addColumn("removed_number", "bigint")
    .addColumn("removed_at_ms", "bigint")
    .execute();
}

/** An id is the hex of a hash, so that rows lie in no order: on SQLite there is no other order to keep. */
async function createSeenRequests({ schema }: Schema, engine: Engine): Promise<void> {
  const seen = schema
    .createTable("seen_requests")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("until_s", "bigint", (column) => column.notNull());
  await (engine === "sqlite" ? seen.modifyEnd(sql`without rowid`) : seen).execute();
  await schema.createIndex("seen_requests_until").on("seen_requests").columns(["until_s"]).execute();
}
