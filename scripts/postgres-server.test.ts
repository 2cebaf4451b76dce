import { afterAll, beforeAll, expect, it } from "vitest";
import { Client } from "pg";
import { type PostgresServer, startPostgres } from "./postgres-server.js";

let server: PostgresServer | undefined;
beforeAll(async () => void (server = await startPostgres()));
afterAll(() => server?.remove());

async function query(url: string, text: string) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

it("gives each test a database of its own, and keeps what was committed over a crash", async () => {
  if (!server) throw new Error("no server");
  const [one, other] = [await server.createDatabase(), await server.createDatabase()];
  expect(one).not.toBe(other);
  await query(one, "CREATE TABLE kept AS SELECT 1 AS number");
  await server.stop();
  await expect(query(one, "SELECT 1")).rejects.toThrow("ECONNREFUSED");
  await server.start();
  expect(await query(one, "SELECT number FROM kept")).toEqual([{ number: 1 }]);
  await expect(query(other, "SELECT number FROM kept")).rejects.toThrow("does not exist");
});
