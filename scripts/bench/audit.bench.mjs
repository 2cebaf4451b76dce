// The audit log: records in commits that they share, beside a commit for each; on both engines.
import { register } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AuditLog } from "@tokens/minter/testing";
import { openPostgresStorage } from "@tokens/minter/postgres";
import { openSqliteStorage } from "@tokens/minter/sqlite";
import { inTurns, ratePerSecond, ratioRow, valueRow } from "./measure.mjs";

const IN_FLIGHT = 64;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const noMetrics = { count: () => undefined, set: () => undefined, observe: () => undefined };

/** A record as a machine token has it. */
const entry = () => ({
  kind: "machine",
  columns: {
    fingerprint: "4d1566a1d7df42a8517456d60ea06ed2",
    machine_fqdn: "host-123456.fleet.example.com",
    token_type: "LUCI_MACHINE_TOKEN",
    issued_at: "2026-06-01T12:00:00Z",
    expiration: "2026-06-01T13:00:00Z",
    cert_serial_number: "1234567890123456789012345678901234567890",
    signature_algorithm: "SHA256_RSA_ALGO",
    ca_common_name: "Example Fleet CA",
    ca_config_rev: "ac996c99fb046ec6673770ce1e71570ab959489b",
    peer_ip: "10.11.12.13",
    service_version: "tokens/0.1.0",
    gae_request_id: "0".repeat(32),
  },
});

/** Records per second by the log and by a commit for each, and what a record costs the thread that serves. */
async function measure(storage, singlesInFlight) {
  const log = new AuditLog({
    store: storage.audit,
    mode: "required",
    log: silent,
    metrics: noMetrics,
    clock: Date.now,
  });
  const data = JSON.stringify(entry().columns);
  const previous = Buffer.alloc(32);
  let sequence = 0;
  const single = () => {
    const record = {
      chain: "single.machines",
      sequence: ++sequence,
      kind: "machine",
      timeMs: Date.now(),
      data,
      previous,
    };
    return storage.audit.append([record], [{ ...record, hash: previous }]);
  };
  const microseconds = [];
  const grouped = async () => {
    const before = performance.eventLoopUtilization();
    const rate = await ratePerSecond(() => log.record(entry()), { inFlight: IN_FLIGHT });
    microseconds.push((performance.eventLoopUtilization(before).active * 1000) / rate);
    return rate;
  };
  const rates = await inTurns({ grouped, single: () => ratePerSecond(single, { inFlight: singlesInFlight }) });
  await log.close();
  return { ...rates, microseconds: microseconds.slice(1) };
}

async function onSqlite() {
  const folder = mkdtempSync(join(tmpdir(), "bench-audit-"));
  const storage = await openSqliteStorage(join(folder, "tokens.db"));
  const { grouped, single, microseconds } = await measure(storage, IN_FLIGHT);
  await storage.close();
  rmSync(folder, { recursive: true });
  const name = `audit records, 64 in flight, SQLite: shared commits ÷ one each`;
  return [
    ratioRow({ id: "A1.1", name, unit: "records/s", goal: 4, stretch: 6 }, grouped, single),
    valueRow({ id: "A2", name: "audit record on the serving thread", unit: "µs", goal: 25, stretch: 14 }, microseconds),
  ];
}

async function onPostgres() {
  // What was imported before runs as it was built; only the launcher is a source.
  register("../ts-workers.mjs", import.meta.url);
  const { startPostgres } = await import(new URL("../postgres-server.ts", import.meta.url).href);
  const server = await startPostgres("the machine may crash");
  const storage = await openPostgresStorage(await server.createDatabase());
  // One at a time: shared commits use one connection, too.
  const { grouped, single } = await measure(storage, 1);
  await storage.close();
  await server.remove();
  const name = `audit records, 64 in flight, PostgreSQL, one connection: shared commits ÷ one each`;
  return [ratioRow({ id: "A1.2", name, unit: "records/s", goal: 8, stretch: 13 }, grouped, single)];
}

export async function run() {
  return [...(await onSqlite()), ...(await onPostgres())];
}
