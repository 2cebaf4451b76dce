// The SQLite side of the thread boundary: one connection, which does one thing after another.
import { parentPort, workerData } from "node:worker_threads";
import Database from "libsql";
import type { SqliteRequest, SqliteResponse } from "./sqlite-thread.js";

/** How many prepared statements are kept. */
const MAX_STATEMENTS = 200;

/** How long it waits for other connections. */
const BUSY_MS = 10_000;
const monotonic = performance.now.bind(performance);

const db = new Database(workerData as string, { timeout: BUSY_MS });
writeAhead();
// A commit is on the disk when it returns, not only in the system's memory.
db.exec("PRAGMA synchronous = FULL");
db.exec("PRAGMA secure_delete = ON");

/** SQLite itself does not wait here when another connection does the same to a new file at this moment. */
function writeAhead(): void {
  const lastTry = monotonic() + BUSY_MS;
  for (;;) {
    try {
      return void db.exec("PRAGMA journal_mode = WAL");
    } catch (error) {
      if ((error as { code?: string }).code !== "SQLITE_BUSY" || monotonic() > lastTry) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

const statements = new Map<string, Database.Statement>();

function prepare(text: string): Database.Statement {
  const known = statements.get(text);
  if (known) return known;
  if (statements.size >= MAX_STATEMENTS) statements.clear();
  const statement = db.prepare(text);
  statements.set(text, statement);
  return statement;
}

function query(text: string, parameters: readonly unknown[]): Omit<SqliteResponse, "id"> {
  const statement = prepare(text);
  if (statement.reader) return { rows: statement.all([...parameters]) as Record<string, unknown>[] };
  return { rows: [], changes: statement.run([...parameters]).changes };
}

/** One statement for many rows of parameters, in one transaction with the other statements. */
function batch(steps: SqliteRequest & { kind: "batch" }): Omit<SqliteResponse, "id"> {
  db.exec("BEGIN IMMEDIATE");
  try {
    for (const { text, rows } of steps.statements) {
      const statement = prepare(text);
      for (const row of rows) statement.run([...row]);
    }
    db.exec("COMMIT");
  } catch (error) {
    if (db.inTransaction) db.exec("ROLLBACK");
    throw error;
  }
  return { rows: [] };
}

function answer(request: SqliteRequest): Omit<SqliteResponse, "id"> {
  try {
    if (request.kind === "query") return query(request.text, request.parameters);
    if (request.kind === "batch") return batch(request);
    db.close();
    return { rows: [] };
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    return { error: { message, code: code ?? "" } };
  }
}

parentPort?.on("message", (request: SqliteRequest) => {
  parentPort?.postMessage({ ...answer(request), id: request.id } satisfies SqliteResponse);
  if (request.kind === "close") parentPort?.close();
});
