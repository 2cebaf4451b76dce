import { sql, type Selectable, type UpdateObject } from "kysely";
import type { KeyStore, StoredKey } from "../keys/key-store.js";
import type { Database, Tables } from "./tables.js";

/** Signing keys as rows. */
export function sqlKeyStore(database: Database): KeyStore {
  const { db } = database;
  const change = (keyId: string, values: UpdateObject<Tables, "signing_keys">) =>
    db.updateTable("signing_keys").set(values).where("key_id", "=", keyId);
  return {
    list: async (purpose) => {
      const all = db.selectFrom("signing_keys").selectAll().orderBy("purpose").orderBy("generation");
      const rows = await (purpose === undefined ? all : all.where("purpose", "=", purpose)).execute();
      return rows.map(keyOf);
    },
    add: async (key) => {
      const { numInsertedOrUpdatedRows = 0n } = await db
        .insertInto("signing_keys")
        .values(rowOf(key))
        .onConflict((conflict) => conflict.columns(["purpose", "generation"]).doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n ? "added" : "taken";
    },
    advance: async (keyId, signsFromMs) => {
      await change(keyId, { signs_from_ms: signsFromMs }).where("signs_from_ms", ">", signsFromMs).execute();
    },
    taint: async (keyId, atMs) => {
      await change(keyId, { tainted_at_ms: atMs }).where("tainted_at_ms", "is", null).execute();
    },
    recertify: async (keyId, certificatePem) => {
      await change(keyId, { certificate_pem: certificatePem }).execute();
    },
    erase: async (keyId) => {
      await change(keyId, { private_key: new Uint8Array(), sealed_by: null }).execute();
      await truncateLog(database);
    },
    reseal: async (handles) => {
      await db.transaction().execute(async (transaction) => {
        for (const [keyId, { handle, sealedBy = null }] of handles) {
          const values = { private_key: handle, sealed_by: sealedBy, scrub_due: 1 };
          await transaction.updateTable("signing_keys").set(values).where("key_id", "=", keyId).execute();
        }
      });
      await scrub(database);
    },
    scrub: () => scrub(database),
  };
}

function keyOf(row: Selectable<Tables["signing_keys"]>): StoredKey {
  return {
    keyId: row.key_id,
    purpose: row.purpose,
    generation: row.generation,
    backend: row.backend,
    handle: row.private_key,
    sealedBy: row.sealed_by ?? undefined,
    certificatePem: row.certificate_pem,
    createdAtMs: row.created_at_ms,
    signsFromMs: row.signs_from_ms,
    taintedAtMs: row.tainted_at_ms ?? undefined,
  };
}

function rowOf(key: StoredKey): Selectable<Tables["signing_keys"]> {
  return {
    key_id: key.keyId,
    purpose: key.purpose,
    generation: key.generation,
    backend: key.backend,
    private_key: key.handle,
    sealed_by: key.sealedBy ?? null,
    scrub_due: 0,
    certificate_pem: key.certificatePem,
    created_at_ms: key.createdAtMs,
    signs_from_ms: key.signsFromMs,
    tainted_at_ms: key.taintedAtMs ?? null,
  };
}

/** Writes the tables anew, so that nothing is left of rows as they were. The mark stays until that is done. */
async function scrub(database: Database): Promise<void> {
  const { db, engine } = database;
  const due = await db.selectFrom("signing_keys").select("key_id").where("scrub_due", "=", 1).execute();
  if (due.length === 0) return;
  await (engine === "sqlite" ? sql`vacuum` : sql`vacuum full signing_keys`).execute(db);
  await truncateLog(database);
  await db.updateTable("signing_keys").set({ scrub_due: 0 }).execute();
}

/** SQLite's log holds pages as they were, until it is written into the file and cut. */
async function truncateLog({ db, engine }: Database): Promise<void> {
  if (engine === "sqlite") await sql`pragma wal_checkpoint(truncate)`.execute(db);
}
