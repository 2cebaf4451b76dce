import { chmod, mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Kysely } from "kysely";
import type { AuditAppend } from "./audit-store.js";
import { openSqlStorage } from "./sql-storage.js";
import { SqliteThreadDialect } from "./sqlite-dialect.js";
import { SqliteThread } from "./sqlite-thread.js";
import type { Storage } from "./storage.js";
import type { Tables } from "./tables.js";

/** A database file that must not be used as it is. The message says why and what to do. */
export class StorageFileError extends Error {
  override name = "StorageFileError";
}

/**
 * Opens the embedded storage: one SQLite file, made if it is not there, readable by its owner alone, for one server.
 * Throws a StorageFileError, or a StorageVersionError when a newer program wrote it.
 */
export async function openSqliteStorage(path: string): Promise<Storage> {
  if (path !== ":memory:") await prepareFile(path);
  const thread = new SqliteThread(path);
  const db = new Kysely<Tables>({ dialect: new SqliteThreadDialect(thread) });
  return openSqlStorage({ db, engine: "sqlite" }, appendWith(thread));
}

/** Private keys lie in the file. SQLite gives its journal the same mode. */
async function prepareFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const created = await open(path, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw new StorageFileError(`cannot make ${path}: ${error.message}`, { cause: error });
  });
  if (created) {
    await created.close();
    // Whatever the umask took away.
    return chmod(path, 0o600);
  }
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) {
    throw new StorageFileError(`${path} can be read by others than its owner; run: chmod 600 ${path}*`);
  }
}

const APPEND_RECORD =
  "INSERT INTO audit_records (chain, sequence, kind, time_ms, data, previous) VALUES (?, ?, ?, ?, ?, ?)";
const MOVE_HEAD =
  "INSERT INTO audit_chains (chain, sequence, hash, time_ms) VALUES (?, ?, ?, ?) " +
  "ON CONFLICT (chain) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash, time_ms = excluded.time_ms";

function appendWith(thread: SqliteThread): AuditAppend {
  return (records, heads) =>
    thread.batch([
      { text: APPEND_RECORD, rows: records.map((r) => [r.chain, r.sequence, r.kind, r.timeMs, r.data, r.previous]) },
      { text: MOVE_HEAD, rows: heads.map((head) => [head.chain, head.sequence, head.hash, head.timeMs]) },
    ]);
}
