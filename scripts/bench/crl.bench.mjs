// Revocation lists of a million certificates: read, checked and indexed beside the openssl command; what they take of the
// memory; how fast a certificate is looked up; and how long a server stands still while it takes one.
import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync, randomFillSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { startAuthorities } from "@tokens/minter/testing";
import { openSqliteStorage } from "@tokens/minter/sqlite";
import { parseCertificate } from "@tokens/pki";
import { checkCrl, decodeCrl, indexEntries, parseCrl } from "@tokens/pki/crl";
import { reasonCode, revokedEntry, TestCa } from "@tokens/pki/testing";
import { costRatioRow, inTurns, valueRow } from "./measure.mjs";

const ENTRIES = 1_000_000;
const SERIAL_BYTES = 16;
const LOOKUPS = 500_000;
const ROUNDS = 7;
const NOW = Math.floor(Date.now() / 1000);
const isOdd = (index) => index % 2 === 1;

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ca = TestCa.create("Fleet", { privateKey });
const issuer = parseCertificate(ca.certificate);

/** Serial numbers that are positive and in their shortest form. */
function makeSerials(count) {
  const serials = randomFillSync(Buffer.alloc(count * SERIAL_BYTES));
  for (let at = 0; at < serials.length; at += SERIAL_BYTES) serials[at] = (serials[at] & 0x7f) | 0x40;
  return serials;
}

const serialAt = (serials, index) => serials.subarray(index * SERIAL_BYTES, (index + 1) * SERIAL_BYTES);

/** A list of these, every second one with a reason. All entries of a kind have the same bytes but for the number. */
function makeList(serials, number) {
  const count = serials.length / SERIAL_BYTES;
  const largest = (1n << 127n) - 1n;
  const templates = [revokedEntry(largest), revokedEntry(largest, reasonCode(1))];
  const places = templates.map((entry) => entry.indexOf(Buffer.alloc(SERIAL_BYTES - 1, 0xff)) - 1);
  const entries = Buffer.alloc((count / 2) * (templates[0].length + templates[1].length));
  let end = 0;
  for (let index = 0; index < count; index++) {
    const kind = isOdd(index) ? 1 : 0;
    templates[kind].copy(entries, end);
    serialAt(serials, index).copy(entries, end + places[kind]);
    end += templates[kind].length;
  }
  const times = { thisUpdate: new Date((NOW - 3600 + number) * 1000), nextUpdate: new Date((NOW + 86_400) * 1000) };
  return ca.crl({ number, revoked: [entries], ...times });
}

/** Everything that has to be done before a list is in force. */
function readList(der) {
  const crl = parseCrl(decodeCrl(der));
  checkCrl(crl, [issuer], NOW);
  return indexEntries(crl);
}

const milliseconds = (work) => () => {
  const begin = performance.now();
  work();
  return performance.now() - begin;
};

async function readingRow(folder, file) {
  const caFile = join(folder, "ca.pem");
  const base64 = ca.certificate.toString("base64").replace(/.{64}/g, "$&\n").trim();
  writeFileSync(caFile, `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`);
  const openssl = ["crl", "-in", file, "-inform", "DER", "-noout", "-CAfile", caFile];
  const values = await inTurns(
    {
      ours: milliseconds(() => readList(readFileSync(file))),
      openssl: milliseconds(() => execFileSync("openssl", openssl, { stdio: "ignore" })),
    },
    ROUNDS,
  );
  const name = "a list of 1,000,000 read, checked and indexed ÷ openssl crl";
  return costRatioRow({ id: "C1", name, unit: "ms", goal: 0.5, stretch: 0.25 }, values.ours, values.openssl);
}

/**
 * What a process that reads the list from its file, and does nothing else, has in memory at most. Linux says so of the
 * program alone; what rusage says begins with the memory of the process that started it.
 */
const PEAK_PROGRAM = `
  import { readFileSync } from "node:fs";
  import { parseCertificate } from "@tokens/pki";
  import { checkCrl, decodeCrl, indexEntries, parseCrl } from "@tokens/pki/crl";
  const [file, ca, now] = process.argv.slice(1);
  const crl = parseCrl(decodeCrl(readFileSync(file)));
  checkCrl(crl, [parseCertificate(Buffer.from(ca, "base64"))], Number(now));
  const { parts } = indexEntries(crl);
  const [, peak] = /VmHWM:\\s+(\\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"));
  const bytes = parts.serials.byteLength + parts.table.byteLength;
  console.log(JSON.stringify({ perEntry: bytes / parts.count, peak: 1024 * Number(peak) }));
`;

function memoryRows(file, derBytes) {
  const args = ["--input-type=module", "-e", PEAK_PROGRAM, file, ca.certificate.toString("base64"), String(NOW)];
  const samples = Array.from({ length: ROUNDS }, () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: import.meta.dirname });
    if (status !== 0) throw new Error(`the list could not be read in a process of its own: ${String(stderr)}`);
    return JSON.parse(String(stdout));
  });
  const perEntry = samples.map((sample) => sample.perEntry);
  const peaks = samples.map((sample) => sample.peak / derBytes);
  return [
    valueRow({ id: "C2.1", name: "memory for each revoked certificate", unit: "B", goal: 32, stretch: 25 }, perEntry),
    valueRow(
      { id: "C2.2", name: "most memory of a process ÷ size of the list", unit: "×", goal: 3, stretch: 2.7 },
      peaks,
    ),
  ];
}

/** Half of the numbers that are looked up are in the list. */
async function lookupRow(der, serials) {
  const index = readList(der);
  const others = makeSerials(LOOKUPS / 2);
  const asked = Array.from({ length: LOOKUPS }, (_, at) =>
    Buffer.from(isOdd(at) ? serialAt(serials, (at * 7919) % ENTRIES) : serialAt(others, at >> 1)),
  );
  let found = 0;
  const perCpuSecond = () => {
    found = 0;
    const before = process.cpuUsage();
    for (const serial of asked) if (index.has(serial)) found++;
    const { user, system } = process.cpuUsage(before);
    return (LOOKUPS * 1e6) / (user + system);
  };
  const { ours } = await inTurns({ ours: perCpuSecond }, ROUNDS);
  if (found < LOOKUPS / 2) throw new Error("a revoked certificate was not found");
  const names = { id: "C3", name: "look-ups among 1,000,000", unit: "look-ups/s", goal: 1e6, stretch: 1.9e6 };
  const row = valueRow(names, ours);
  return { ...row, met: row.value >= names.goal };
}

/** A server of the files in a thread of its own, so that serving them stalls nobody. */
const CRL_SERVER = `
  const { createReadStream } = require("node:fs");
  const { createServer } = require("node:http");
  const { join } = require("node:path");
  const { parentPort, workerData } = require("node:worker_threads");
  const server = createServer((request, response) => createReadStream(join(workerData, request.url)).pipe(response));
  server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

/** What made the lists leaves garbage, which a server does not have. */
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The longest time between two turns of this thread while something is under way, less the pause that is meant. */
async function longestStall(work) {
  let [last, longest] = [performance.now(), 0];
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 1);
    last = now;
  }, 1);
  await work();
  longest = Math.max(longest, performance.now() - last);
  clearInterval(timer);
  return longest;
}

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const noMetrics = { count: () => undefined, set: () => undefined, observe: () => undefined };

/** Fetches lists of which each takes the place of the one before. */
async function stallRow(folder, serials) {
  const server = new Worker(CRL_SERVER, { eval: true, workerData: folder });
  const port = await new Promise((resolve) => server.once("message", resolve));
  const storage = await openSqliteStorage(join(folder, "tokens.db"));
  const list = (number) => ({ listId: "Fleet", url: `http://127.0.0.1:${port}/${number}.crl`, issuers: [issuer] });
  const trusted = { commonName: "Fleet", intermediates: [], config: { useOauth: false, oauthScopes: [] } };
  const { fetcher, stop } = await startAuthorities({
    store: storage.crls,
    tokensOf: async () => ({ caIds: [1n], mayPrecedeLists: false }),
    policy: () => new Map(),
    crl: { hosts: new Set([`127.0.0.1:${port}`]) },
    log: silent,
    metrics: noMetrics,
    clock: Date.now,
  });
  const samples = [];
  for (let number = 1; number <= ROUNDS + 1; number++) {
    writeFileSync(join(folder, `${number}.crl`), makeList(serials, number));
    collectGarbage();
    // A thread with nothing to do is late, too, when others keep the processor.
    const idle = await longestStall(() => pause(500));
    const reloading = await longestStall(() => fetcher.renew(trusted, list(number), "in any case"));
    samples.push(Math.max(0, reloading - idle));
    rmSync(join(folder, `${number}.crl`));
  }
  await stop();
  await storage.close();
  await server.terminate();
  // The first list takes no other's place.
  const name = "longest stall of the serving thread while 1,000,000 are reloaded, beyond an idle one";
  return valueRow({ id: "C4", name, unit: "ms", goal: 10, stretch: 2 }, samples.slice(1));
}

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), "bench-crl-"));
  try {
    const serials = makeSerials(ENTRIES);
    const der = makeList(serials, 1);
    const file = join(folder, "list.crl");
    writeFileSync(file, der);
    const rows = [await readingRow(folder, file), ...memoryRows(file, der.length), await lookupRow(der, serials)];
    return [...rows, await stallRow(folder, serials)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
