// Whole mints beside OpenSSL's bare signatures on all cores and a minter as it is usually built, which records nothing:
// of a server that records nothing either, and of `tokens serve`, which commits each record before it answers.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { toPem } from "@tokens/pki/x509";
import { configFolder, makeFleet, makeRequests, makeRevocationList, serveList } from "./fleet.mjs";
import { costRatioRow, inTurns, median, ratioRow, valueRow } from "./measure.mjs";
import { measureServer, startLoad, startServer, startTokens, untilItMints, warmUp } from "./servers.mjs";

const WARM_MACHINES = 100;
/** More than the 10,000 that a server remembers: in turn, it meets each certificate as if for the first time. */
const COLD_MACHINES = 12_000;
const job = { connections: 32, seconds: 2 };

/** RSA-2048 signatures a second that OpenSSL makes with all cores: the floor under every mint. */
async function opensslSigns() {
  const args = ["speed", "-mr", "-seconds", "1", "-multi", String(availableParallelism()), "rsa2048"];
  const { stdout } = await promisify(execFile)("openssl", args);
  const [, perSecond] = /^\+F2:\d+:2048:([\d.e-]+)/m.exec(stdout) ?? [];
  if (!perSecond) throw new Error(`openssl speed says something else:\n${stdout}`);
  return Number(perSecond);
}

async function openAll() {
  const fleet = await makeFleet();
  const list = await serveList(makeRevocationList(fleet, 1000));
  const { folder, remove } = configFolder(fleet, list.host);
  const dataFolder = () => mkdtempSync(join(tmpdir(), "bench-data-"));
  const folders = [dataFolder(), dataFolder()];
  const settings = folders.map((data) => ["--config", folder, "--data", data, "--allow-crl-host", list.host]);
  const env = { UV_THREADPOOL_SIZE: String(availableParallelism()) };
  const [ours, unrecorded, usual] = await Promise.all([
    startTokens(settings[0]),
    startServer("mint-server.mjs", settings[1], { env }),
    startServer("usual-server.mjs", [toPem("CERTIFICATE", fleet.ca.certificate)]),
  ]);
  const stop = async () => {
    await Promise.all([ours, unrecorded, usual].map((server) => server.stop()));
    list.stop();
    remove();
    for (const each of folders) rmSync(each, { recursive: true });
  };
  return { fleet, servers: { ours, unrecorded, usual }, stop };
}

export async function run() {
  const { fleet, servers, stop } = await openAll();
  const load = startLoad();
  const cold = await makeRequests(fleet, COLD_MACHINES);
  await load.keep("cold", cold);
  await load.keep("warm", cold.slice(0, WARM_MACHINES));
  for (const server of Object.values(servers)) {
    await untilItMints(load, server, "warm");
    await warmUp(load, server, { ...job, requests: "warm" });
  }
  const values = await inTurns({
    openssl: opensslSigns,
    warm: () => measureServer(load, servers.ours, { ...job, requests: "warm" }),
    unrecorded: () => measureServer(load, servers.unrecorded, { ...job, requests: "warm" }),
    cold: () => measureServer(load, servers.unrecorded, { ...job, requests: "cold" }),
    usual: () => measureServer(load, servers.usual, { ...job, requests: "warm" }),
  });
  load.stop();
  await stop();
  return rowsOf(values);
}

function rowsOf({ openssl, warm, cold, unrecorded, usual }) {
  const rate = (rounds) => rounds.map(({ perSecond }) => perSecond);
  const cpu = (rounds) => rounds.map(({ cpuMicroseconds }) => cpuMicroseconds);
  const spread = warm.map(({ p50, p99 }) => p99 / p50);
  const generator = median(warm.map(({ cores }) => cores)).toFixed(2);
  const row = (id, name, goal, stretch, values, base) =>
    ratioRow({ id, name, unit: "mints/s", goal, stretch }, rate(values), base);
  const signatures = `openssl's signatures on all cores (the load itself takes ${generator} of a core)`;
  return [
    row("M1", `mints, not recorded, ÷ ${signatures}`, 0.55, 0.68, unrecorded, openssl),
    row("M2", "… each certificate for the first time", 0.45, 0.55, cold, openssl),
    row("M3", "mints, not recorded, ÷ a usual minter", 2.2, 2.7, unrecorded, rate(usual)),
    row("M4", "mints, recorded ÷ not recorded", 0.75, 0.9, warm, rate(unrecorded)),
    valueRow({ id: "M5", name: "time of a mint, 32 connections, p99 ÷ p50", unit: "×", goal: 3, stretch: 2 }, spread),
    costRatioRow(
      { id: "S1.3", name: "processor time of a mint, 12,000 certificates ÷ 100", unit: "µs", goal: 1.6, stretch: 1.3 },
      cpu(cold),
      cpu(unrecorded),
    ),
    row("G.2", "mints, recorded, ÷ openssl's signatures (LUCI's server, not recorded: 0.2)", 0.2, 0.65, warm, openssl),
  ];
}
