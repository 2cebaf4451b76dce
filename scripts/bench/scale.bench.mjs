// What a mint costs a server that has much: a million revoked certificates, ten million audit records. Processor time of the
// whole process, beside the same server that has little.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "libsql";
import { configFolder, makeFleet, makeRequests, makeRevocationList, serveList } from "./fleet.mjs";
import { costRatioRow, inTurns } from "./measure.mjs";
import { measureServer, startLoad, startTokens, untilItMints, warmUp } from "./servers.mjs";

const FEW_REVOKED = 1_000;
const MANY_REVOKED = 1_000_000;
const RECORDS = 10_000_000;
const RECORDS_A_TIME = 1_000_000;
const MACHINES = 100;
const job = { requests: "mints", connections: 32, seconds: 2 };

/** A record as a mint leaves it. */
const data = JSON.stringify({
  fingerprint: "4d1566a1d7df42a8517456d60ea06ed2",
  machine_fqdn: "host-123456.fleet.example.com",
  token_type: "LUCI_MACHINE_TOKEN",
  issued_at: "2026-06-01T12:00:00Z",
  expiration: "2026-06-01T13:00:00Z",
  cert_serial_number: "1234567890123456789012345678901234567890",
  signature_algorithm: "SHA256_RSA_ALGO",
  ca_common_name: "Bench Fleet CA",
  ca_config_rev: "ac996c99fb046ec6673770ce1e71570ab959489b",
  peer_ip: "10.11.12.13",
  service_version: "tokens/0.1.0",
  gae_request_id: "0".repeat(32),
});

/** Fills the audit log of a server that is stopped, by SQLite's own counting: it would take a server an hour. */
function fillAudit(file) {
  const database = new Database(file);
  database.exec("PRAGMA synchronous = OFF");
  const now = Date.now();
  const chain = "0000000000000000.machines";
  const insert = database.prepare(`
    INSERT INTO audit_records (chain, sequence, kind, time_ms, data, previous)
    WITH RECURSIVE counter(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM counter WHERE n < ?)
    SELECT '${chain}', n, 'machine', ${now} - ${RECORDS} + n, '${data}', zeroblob(32) FROM counter`);
  for (let from = 1; from <= RECORDS; from += RECORDS_A_TIME) insert.run(from, from + RECORDS_A_TIME - 1);
  database
    .prepare(
      "INSERT INTO audit_chains (chain, sequence, hash, time_ms, checkpointed) VALUES (?, ?, zeroblob(32), ?, ?)",
    )
    .run(chain, RECORDS, now, RECORDS);
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
}

/** A server with so many revoked certificates, in a folder of its own. */
async function openServer(fleet, revoked, { isFull = false } = {}) {
  const list = await serveList(makeRevocationList(fleet, revoked));
  const config = configFolder(fleet, list.host);
  const folder = mkdtempSync(join(tmpdir(), "bench-scale-"));
  const settings = ["--config", config.folder, "--data", folder, "--allow-crl-host", list.host];
  if (isFull) {
    const first = await startTokens(settings);
    await first.stop();
    fillAudit(join(folder, "tokens.db"));
  }
  const server = await startTokens(settings);
  const stop = async () => {
    await server.stop();
    list.stop();
    config.remove();
    rmSync(folder, { recursive: true });
  };
  return { ...server, stop };
}

export async function run() {
  const fleet = await makeFleet();
  const load = startLoad();
  const servers = {
    few: await openServer(fleet, FEW_REVOKED),
    many: await openServer(fleet, MANY_REVOKED),
    full: await openServer(fleet, FEW_REVOKED, { isFull: true }),
  };
  await load.keep("mints", await makeRequests(fleet, MACHINES));
  for (const server of Object.values(servers)) {
    await untilItMints(load, server, "mints");
    await warmUp(load, server, job);
  }
  const measurements = Object.entries(servers).map(([name, server]) => [name, () => measureServer(load, server, job)]);
  const { few, many, full } = await inTurns(Object.fromEntries(measurements));
  load.stop();
  for (const server of Object.values(servers)) await server.stop();
  const cpu = (rounds) => rounds.map(({ cpuMicroseconds }) => cpuMicroseconds);
  const unit = "µs";
  return [
    costRatioRow(
      { id: "S1.1", name: "processor time of a mint, a million revoked ÷ a thousand", unit, goal: 1.1, stretch: 1.03 },
      cpu(many),
      cpu(few),
    ),
    costRatioRow(
      { id: "S1.2", name: "… ten million audit records ÷ none", unit, goal: 1.2, stretch: 1.05 },
      cpu(full),
      cpu(few),
    ),
  ];
}
