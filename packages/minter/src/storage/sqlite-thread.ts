import { Worker } from "node:worker_threads";
import { StorageUnavailable } from "./storage-unavailable.js";

/** A statement and the rows of parameters to run it with, one after the other. */
export interface SqliteBatch {
  readonly text: string;
  readonly rows: readonly (readonly unknown[])[];
}

/** What the thread is asked. */
export type SqliteRequest =
  | { readonly id: number; readonly kind: "query"; readonly text: string; readonly parameters: readonly unknown[] }
  | { readonly id: number; readonly kind: "batch"; readonly statements: readonly SqliteBatch[] }
  | { readonly id: number; readonly kind: "close" };

/** What the thread answers. */
export interface SqliteResponse {
  readonly id: number;
  readonly rows?: Record<string, unknown>[];
  readonly changes?: number;
  readonly error?: { readonly message: string; readonly code: string };
}

/** A statement that SQLite refused, such as for a key that exists already. */
export class SqliteError extends Error {
  override name = "SqliteError";
}

type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

interface Waiting {
  readonly resolve: (response: SqliteResponse) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A SQLite file in a thread of its own: a commit waits for the disk, and nothing else may wait with it. The thread has
 * one connection; `exclusive` gives it to one user at a time.
 */
export class SqliteThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #failure: Error | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#worker = new Worker(new URL("./sqlite-worker.js", import.meta.url), { workerData: path });
    this.#worker.on("message", (response: SqliteResponse) => this.#settle(response));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("the database is closed")));
  }

  /** Waits for the connection's turn; the result gives it back. */
  async exclusive(): Promise<() => void> {
    const before = this.#turn;
    let release = () => {};
    this.#turn = new Promise((resolve) => (release = resolve));
    await before;
    return release;
  }

  /** Runs one statement. The caller has the connection. */
  async query(text: string, parameters: readonly unknown[]): Promise<SqliteResponse> {
    const response = await this.#ask({ kind: "query", text, parameters });
    for (const row of response.rows ?? []) {
      for (const [name, value] of Object.entries(row)) if (value instanceof ArrayBuffer) row[name] = Buffer.from(value);
    }
    return response;
  }

  /** Runs statements in one transaction of their own: they are on the disk when this resolves. */
  async batch(statements: readonly SqliteBatch[]): Promise<void> {
    const release = await this.exclusive();
    try {
      await this.#ask({ kind: "batch", statements });
    } finally {
      release();
    }
  }

  async close(): Promise<void> {
    if (this.#failure) return;
    const release = await this.exclusive();
    const exited = new Promise((resolve) => this.#worker.once("exit", resolve));
    await this.#ask({ kind: "close" });
    await exited;
    release();
  }

  #ask(request: WithoutId<SqliteRequest>): Promise<SqliteResponse> {
    if (this.#failure) return Promise.reject(new StorageUnavailable("the database is gone", this.#failure));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ ...request, id });
    });
  }

  #settle(response: SqliteResponse): void {
    const waiting = this.#waiting.get(response.id);
    this.#waiting.delete(response.id);
    if (response.error) waiting?.reject(errorOf(response.error));
    else waiting?.resolve(response);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(new StorageUnavailable("the database is gone", error));
    this.#waiting.clear();
  }
}

/** A statement that breaks a rule or makes no sense will do so again; a full disk or a locked file may get better. */
function errorOf({ message, code }: { message: string; code: string }): Error {
  const error = new SqliteError(`${code}: ${message}`);
  const isOurs = code.startsWith("SQLITE_CONSTRAINT") || code === "SQLITE_ERROR" || code === "";
  return isOurs ? error : new StorageUnavailable("the database cannot be used now", error);
}
