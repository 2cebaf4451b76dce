import type { PolicyStore } from "../policies/policy-store.js";
import type { Database } from "./tables.js";

/** How many revisions are kept: enough to see what changed, and not one a minute for ever. */
const KEPT_REVISIONS = 100;

/** Policy revisions as rows. */
export function sqlPolicyStore({ db }: Database): PolicyStore {
  const newest = () => db.selectFrom("policy_revisions").selectAll().orderBy("number", "desc").limit(1);
  return {
    current: async () => {
      const row = await newest().executeTakeFirst();
      if (!row) return undefined;
      const files = JSON.parse(row.files) as Record<string, string>;
      return { revision: row.revision, files, importedAtMs: row.imported_at_ms };
    },
    put: ({ revision, files, importedAtMs }) =>
      db.transaction().execute(async (transaction) => {
        const current = await transaction
          .selectFrom("policy_revisions")
          .select("revision")
          .orderBy("number", "desc")
          .limit(1)
          .executeTakeFirst();
        if (current?.revision === revision) return;
        const row = { revision, files: JSON.stringify(files), imported_at_ms: importedAtMs };
        const { number } = await transaction
          .insertInto("policy_revisions")
          .values(row)
          .returning("number")
          .executeTakeFirstOrThrow();
        await transaction
          .deleteFrom("policy_revisions")
          .where("number", "<=", number - KEPT_REVISIONS)
          .execute();
      }),
  };
}
