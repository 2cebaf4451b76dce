import type { KeyStore } from "../keys/key-store.js";
import type { Database } from "./tables.js";

/** Signing keys as rows. */
export function sqlKeyStore({ db }: Database): KeyStore {
  return {
    list: async (purpose) => {
      const rows = await db
        .selectFrom("signing_keys")
        .selectAll()
        .where("purpose", "=", purpose)
        .orderBy("generation")
        .execute();
      return rows.map((row) => ({
        keyId: row.key_id,
        purpose: row.purpose,
        privateKey: row.private_key,
        certificatePem: row.certificate_pem,
        createdAtMs: row.created_at_ms,
      }));
    },
    addFirst: async (key) => {
      await db
        .insertInto("signing_keys")
        .values({
          key_id: key.keyId,
          purpose: key.purpose,
          generation: 1,
          private_key: key.privateKey,
          certificate_pem: key.certificatePem,
          created_at_ms: key.createdAtMs,
        })
        .onConflict((conflict) => conflict.columns(["purpose", "generation"]).doNothing())
        .execute();
    },
  };
}
