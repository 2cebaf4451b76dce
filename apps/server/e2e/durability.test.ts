import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { tokenFingerprint } from "@tokens/machine-auth/machine-token";
import { soakCount } from "soak-count";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type LoadFleet, makeLoadFleet, MintingLoad } from "./minting-load.js";
import { runTokens, startServer } from "./programs.js";

const folder = mkdtempSync(join(tmpdir(), "durability-"));
let fleet: LoadFleet;
beforeAll(async () => void (fleet = await makeLoadFleet(folder)));
afterAll(() => rmSync(folder, { recursive: true }));

/** Fingerprints of all machine tokens on record. */
async function recorded(storage: string): Promise<Set<string>> {
  const server = await startServer(["--config", fleet.config, "--data", join(storage, "..")]);
  const { code, stdout } = await runTokens(["audit", "export", "--kind", "machine", "--server", server.admin]);
  expect(code).toBe(0);
  await server.stop();
  const rows = stdout.trimEnd().split("\n");
  return new Set(rows.map((row) => (JSON.parse(row) as { fingerprint: string }).fingerprint));
}

it("has a record of every token that a client received, however often the server is killed under load", async () => {
  const data = join(folder, "data");
  const tokens: string[] = [];
  for (let kill = 0; kill < soakCount(200, 25); kill++) {
    const server = await startServer(["--config", fleet.config, "--data", data]);
    const load = new MintingLoad(server.url, fleet);
    await expect.poll(() => load.tokens.length, { interval: 5 }).toBeGreaterThan(0);
    await sleep(Math.random() * 300);
    await server.stop("SIGKILL");
    await load.stop();
    tokens.push(...load.tokens);
  }
  const records = await recorded(join(data, "tokens.db"));
  expect(tokens.length).toBeGreaterThan(8);
  expect(tokens.filter((token) => !records.has(tokenFingerprint(token)))).toEqual([]);
  const verified = await runTokens(["audit", "verify", "--json", "--storage", join(data, "tokens.db")]);
  expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, findings: [] });
});
