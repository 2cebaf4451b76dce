import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "libsql";
import { Client } from "pg";
import { type PostgresServer, startPostgres } from "postgres-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { storageContract } from "./contract/contract.js";
import { openPostgresStorage } from "./postgres.js";
import { orUnavailable } from "./postgres-dialect.js";
import { MAX_FEED_ENTRIES, MAX_LISTED_ENTRIES } from "../trust/feed-store.js";
import { openSqliteStorage } from "./sqlite.js";
import type { Storage } from "./storage.js";
import { StorageUnavailable } from "./storage-unavailable.js";

const folder = mkdtempSync(join(tmpdir(), "storage-"));
let postgres: PostgresServer | undefined;
let count = 0;

beforeAll(async () => void (postgres = await startPostgres()));
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await postgres?.remove();
});

/** Where a fresh storage of an engine is. */
async function freshPlace(engine: string): Promise<string> {
  if (engine === "SQLite") return join(folder, `${count++}/tokens.db`);
  if (!postgres) throw new Error("PostgreSQL did not start");
  return postgres.createDatabase();
}

function open(place: string): Promise<Storage> {
  return place.startsWith("postgres://") ? openPostgresStorage(place) : openSqliteStorage(place);
}

describe.each(["SQLite", "PostgreSQL"])("%s", (engine) => {
  it.each(storageContract)("$name", async ({ run }) => {
    const storage = await open(await freshPlace(engine));
    try {
      await run(storage);
    } finally {
      await storage.close();
    }
  });

  it("is there again after it was closed", async () => {
    const place = await freshPlace(engine);
    const first = await open(place);
    await first.policies.put({ revision: "r", files: {}, importedAtMs: 1 });
    await first.close();
    const second = await open(place);
    expect((await second.policies.current())?.revision).toBe("r");
    await second.close();
  });

  it("can be opened by several servers at once, the first time too", async () => {
    const place = await freshPlace(engine);
    const storages = await Promise.all([open(place), open(place), open(place), open(place)]);
    await storages[0]?.policies.put({ revision: "r", files: {}, importedAtMs: 1 });
    for (const storage of storages) {
      expect((await storage.policies.current())?.revision).toBe("r");
      await storage.close();
    }
  });

  it("answers a ping", async () => {
    const storage = await open(await freshPlace(engine));
    await storage.ping();
    await storage.close();
  });
});

/** Fills the feed of a SQLite file with revocations. */
function fill(path: string, count: number): void {
  const db = new Database(path);
  db.exec(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
     INSERT INTO revocations SELECT i, 'certificate', '7:' || printf('%08x', i), NULL, '', '', 0, NULL, NULL FROM n`,
  );
  db.close();
}

describe("a SQLite file", () => {
  it("takes as many revocations as a bundle can hold, and no more", async () => {
    const path = await freshPlace("SQLite");
    await (await open(path)).close();
    fill(path, MAX_FEED_ENTRIES - 1);
    const { feed, close } = await open(path);
    const machine = (fqdn: string) => ({ subject: { kind: "machine", fqdn } as const, until: 1, reason: "", ...who });
    const who = { revokedBy: "local", revokedAtMs: 1 };
    const added = await feed.add([machine("a.example.com"), machine("b.example.com")]);
    expect(added.map(({ subject }) => subject)).toEqual([{ kind: "machine", fqdn: "a.example.com" }]);
    expect(await feed.add([machine("c.example.com")])).toEqual([]);
    await feed.removeMachine("a.example.com", 1);
    expect((await feed.add([machine("c.example.com")])).length).toBe(1);
    await close();
  });

  it("leaves room for operators when revocation lists have filled the feed", async () => {
    const path = await freshPlace("SQLite");
    await (await open(path)).close();
    fill(path, MAX_LISTED_ENTRIES - 1);
    const { crls, feed, close } = await open(path);
    const revoked = { caIds: [8n], certSns: ["0a", "0b"], until: 5000 };
    const times = { thisUpdateSeconds: 1, nextUpdateSeconds: 2, takenAtMs: 1 };
    const list = { listId: "A", version: 1, number: 1n, entries: 2, digest: "d", etag: "", parts: 1, ...times };
    expect(await crls.take(list, [Uint8Array.of(1)], revoked)).toBe("taken");
    const last = (await feed.read()).entries.slice(MAX_LISTED_ENTRIES - 1);
    expect(last.map(({ subject }) => subject)).toEqual([{ kind: "certificate", caId: 8n, certSn: "0a" }]);
    const ca = { subject: { kind: "ca", caId: 8n } as const, until: Number.POSITIVE_INFINITY, reason: "" };
    expect((await feed.add([{ ...ca, revokedBy: "local", revokedAtMs: 1 }])).length).toBe(1);
    await close();
  });

  it("is opened though another server is about to make it", async () => {
    const path = await freshPlace("SQLite");
    mkdirSync(join(path, ".."));
    writeFileSync(path, "", { mode: 0o600 });
    const other = new Database(path);
    other.exec("BEGIN IMMEDIATE");
    const opening = open(path);
    await sleep(200);
    other.exec("ROLLBACK");
    other.close();
    await (await opening).close();
  });

  it("is for its owner alone, its journal too, whatever the umask", async () => {
    const path = await freshPlace("SQLite");
    const storage = await open(path);
    await storage.policies.put({ revision: "r", files: {}, importedAtMs: 1 });
    const files = [path, `${path}-wal`, `${path}-shm`].filter(existsSync);
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) expect(statSync(file).mode & 0o777).toBe(0o600);
    await storage.close();
  });

  it("is refused when others can read it", async () => {
    const path = await freshPlace("SQLite");
    mkdirSync(join(path, ".."));
    writeFileSync(path, "");
    chmodSync(path, 0o640);
    await expect(open(path)).rejects.toThrow(/can be read by others.*chmod 600/);
  });

  it("says so when it is none", async () => {
    const path = await freshPlace("SQLite");
    mkdirSync(join(path, ".."));
    writeFileSync(path, "x".repeat(5000), { mode: 0o600 });
    await expect(open(path)).rejects.toThrow();
  });

  it("answers that it is unavailable once it is closed", async () => {
    const storage = await open(":memory:");
    await storage.close();
    await expect(storage.ping()).rejects.toThrow();
    await expect(storage.audit.append([], [])).rejects.toThrow(StorageUnavailable);
  });
});

describe("PostgreSQL that goes away", () => {
  it("is unavailable meanwhile, and used again by itself", async () => {
    if (!postgres) throw new Error("PostgreSQL did not start");
    const server = postgres;
    const storage = await open(await server.createDatabase());
    await storage.policies.put({ revision: "r", files: {}, importedAtMs: 1 });
    await server.stop();
    await expect(storage.policies.current()).rejects.toThrow(StorageUnavailable);
    await expect(storage.audit.append([], [])).rejects.toThrow(StorageUnavailable);
    await expect(open("postgres://postgres@127.0.0.1:1/nobody-listens")).rejects.toThrow(StorageUnavailable);
    await server.start();
    await expect.poll(() => storage.policies.current().catch(() => undefined)).toMatchObject({ revision: "r" });
    await storage.close();
  });

  it.each(["EPIPE", "ECONNRESET", "ETIMEDOUT"])("is unavailable when the system says %s", async (code) => {
    const broken = Promise.reject(Object.assign(new Error(code), { code }));
    await expect(orUnavailable(broken)).rejects.toThrow(StorageUnavailable);
  });
});

describe("a database of a newer program", () => {
  it.each(["SQLite", "PostgreSQL"])("is refused on %s", async (engine) => {
    const place = await freshPlace(engine);
    await (await open(place)).close();
    await addForeignMigration(place);
    await expect(open(place)).rejects.toThrow(/newer version.*9999-future/);
  });

  async function addForeignMigration(place: string): Promise<void> {
    const insert = "INSERT INTO kysely_migration (name, timestamp) VALUES ('9999-future', 'x')";
    if (place.startsWith("postgres://")) {
      const client = new Client({ connectionString: place });
      await client.connect();
      await client.query(insert);
      return client.end();
    }
    const db = new Database(place);
    db.exec(insert);
    db.close();
  }
});
