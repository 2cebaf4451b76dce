import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { soakCount } from "soak-count";
import { expect, it } from "vitest";
import { makeCheckpointSigner } from "../../test/audit-fixture.js";
import { noMetrics } from "../metrics.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import { AuditLog } from "./audit-log.js";
import type { AuditStore } from "./audit-store.js";
import { removeOldRecords } from "./retention.js";

const OLD = 1_780_315_200_000;
const DAY = 86_400_000;
const PAGE = 10_000;

const { signer } = makeCheckpointSigner();
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A chain of old records; their hashes do not matter here. */
async function fill(store: AuditStore, count: number): Promise<void> {
  const data = JSON.stringify({ machine_fqdn: "host-1.example.com", fingerprint: "0".repeat(32), peer_ip: "10.0.0.1" });
  const previous = new Uint8Array(32);
  for (let first = 1; first <= count; first += PAGE) {
    const records = Array.from({ length: Math.min(PAGE, count - first + 1) }, (_, index) => ({
      chain: "old.machines",
      sequence: first + index,
      kind: "machine" as const,
      timeMs: OLD,
      data,
      previous,
    }));
    const last = first + records.length - 1;
    await store.append(records, [{ chain: "old.machines", sequence: last, hash: previous, timeMs: OLD }]);
  }
}

/** How long a token's record takes, in milliseconds: the 99th percentile, sorted. */
async function latencies(log: AuditLog, isOver: () => boolean): Promise<number[]> {
  const taken: number[] = [];
  while (!isOver()) {
    const begin = performance.now();
    await log.record({ kind: "machine", columns: { machine_fqdn: "host-2.example.com" } });
    taken.push(performance.now() - begin);
    await sleep(1);
  }
  return taken.toSorted((a, b) => a - b);
}

const percentile = (sorted: readonly number[], share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;

it("removes old records without a pause that minting feels", async () => {
  const folder = mkdtempSync(join(tmpdir(), "retention-"));
  const storage = await openSqliteStorage(join(folder, "tokens.db"));
  const count = soakCount(10_000_000, 200);
  await fill(storage.audit, count);
  const log = new AuditLog({
    store: storage.audit,
    mode: "required",
    log: silent,
    metrics: noMetrics,
    clock: Date.now,
  });

  let calls = 0;
  const quiet = await latencies(log, () => ++calls > 300);
  let isOver = false;
  const ages = { machines: DAY, decisions: DAY };
  const retention = { store: storage.audit, signer, ages, pause: () => sleep(25) };
  const removing = removeOldRecords(retention, OLD + 2 * DAY).finally(() => (isOver = true));
  const during = await latencies(log, () => isOver);

  expect(await removing).toBe(count);
  const [before, meanwhile] = [percentile(quiet, 0.99), percentile(during, 0.99)];
  console.log(
    `${count} records removed; p99 of a record: ${before.toFixed(1)} ms before, ${meanwhile.toFixed(1)} meanwhile`,
  );
  // A machine that is busy with other things has long tails of its own; a pause would be of seconds.
  expect(meanwhile).toBeLessThan(Math.max(10 * before, 500));
  await storage.close();
  rmSync(folder, { recursive: true });
});
