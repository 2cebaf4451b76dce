import type { Transaction } from "kysely";
import {
  type AuthorityStore,
  type ImportedAuthority,
  UniqueIdTaken,
} from "../certificate-authorities/authority-store.js";
import type { Database, Tables } from "./tables.js";

/** CAs and their ids as rows. */
export function sqlAuthorityStore({ db }: Database): AuthorityStore {
  return {
    list: async () => {
      const rows = await db.selectFrom("certificate_authorities").selectAll().orderBy("common_name").execute();
      return rows.map((row) => ({
        commonName: row.common_name,
        config: row.config,
        files: JSON.parse(row.files) as Record<string, string>,
        addedRevision: row.added_revision,
        updatedRevision: row.updated_revision,
        removedRevision: row.removed_revision,
      }));
    },
    owners: async () => {
      const rows = await db.selectFrom("authority_ids").selectAll().execute();
      return new Map(rows.map((row) => [BigInt(row.unique_id), row.common_name]));
    },
    replaceAll: (authorities, revision) =>
      db.transaction().execute(async (transaction) => {
        for (const authority of authorities) {
          await bindId(transaction, authority);
          await put(transaction, authority, revision);
        }
        const names = authorities.map(({ commonName }) => commonName);
        const others = transaction.updateTable("certificate_authorities").set({ removed_revision: revision });
        const present = others.where("removed_revision", "=", "");
        await (names.length > 0 ? present.where("common_name", "not in", names) : present).execute();
      }),
  };
}

async function bindId(transaction: Transaction<Tables>, { uniqueId, commonName }: ImportedAuthority): Promise<void> {
  await transaction
    .insertInto("authority_ids")
    .values({ unique_id: String(uniqueId), common_name: commonName })
    .onConflict((conflict) => conflict.column("unique_id").doNothing())
    .execute();
  const owner = await transaction
    .selectFrom("authority_ids")
    .select("common_name")
    .where("unique_id", "=", String(uniqueId))
    .executeTakeFirstOrThrow();
  if (owner.common_name === commonName) return;
  throw new UniqueIdTaken(`unique_id ${uniqueId} belongs to CA ${JSON.stringify(owner.common_name)} for ever`);
}

async function put(
  transaction: Transaction<Tables>,
  { commonName, config, files }: ImportedAuthority,
  revision: string,
): Promise<void> {
  const content = { config, files: JSON.stringify(files) };
  const known = await transaction
    .selectFrom("certificate_authorities")
    .selectAll()
    .where("common_name", "=", commonName)
    .executeTakeFirst();
  const isSame = known && Buffer.compare(known.config, config) === 0 && known.files === content.files;
  if (isSame && known.removed_revision === "") return;
  const update = { ...content, updated_revision: revision, removed_revision: "" };
  await transaction
    .insertInto("certificate_authorities")
    .values({ common_name: commonName, added_revision: revision, ...update })
    .onConflict((conflict) => conflict.column("common_name").doUpdateSet(update))
    .execute();
}
