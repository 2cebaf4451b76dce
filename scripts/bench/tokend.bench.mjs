// Runs of tokend as cron starts it: one that finds its token fresh, and one that gets a token; beside a Node that does
// nothing, and beside a client as it is usually built.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { toPem } from "@tokens/pki/x509";
import { build } from "esbuild";
import { configFolder, makeFleet, makeRequests, makeRevocationList, serveList } from "./fleet.mjs";
import { costRatioRow, inTurns, valueRow } from "./measure.mjs";
import { startLoad, startTokens, untilItMints, warmUp } from "./servers.mjs";

const ROUNDS = 15;
const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const tokend = here("../../apps/tokend/dist/tokend.cjs");

/** Milliseconds from the start of a program to its end. Certificates that the environment adds would be read each time. */
function timeOf(args) {
  const { NODE_EXTRA_CA_CERTS: _none, ...env } = process.env;
  return new Promise((resolve, reject) => {
    const begin = performance.now();
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += String(chunk)));
    child.on("close", (code) => {
      const took = performance.now() - begin;
      if (code === 0) resolve(took);
      else reject(new Error(stderr));
    });
  });
}

async function openServer(folder) {
  const fleet = await makeFleet();
  const list = await serveList(makeRevocationList(fleet, 10));
  const config = configFolder(fleet, list.host);
  const settings = ["--config", config.folder, "--data", join(folder, "data"), "--allow-crl-host", list.host];
  const server = await startTokens(settings);
  const load = startLoad();
  await load.keep("first", await makeRequests(fleet, 1));
  await untilItMints(load, server, "first");
  // Servers run for weeks.
  await warmUp(load, server, { requests: "first", connections: 8, seconds: 1 });
  load.stop();
  writeFileSync(join(folder, "key.pem"), fleet.privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  writeFileSync(join(folder, "cert.pem"), toPem("CERTIFICATE", fleet.certificate));
  const stop = async () => {
    await server.stop();
    list.stop();
    config.remove();
  };
  return { backend: `127.0.0.1:${server.address.port}`, stop };
}

/** The usual client in one file, as somebody would bundle it. */
async function bundleUsual(folder) {
  const outfile = join(folder, "usual.cjs");
  const options = { bundle: true, platform: "node", target: "node20", format: "cjs", minify: true, logLevel: "error" };
  await build({ ...options, entryPoints: [here("usual-client.mjs")], outfile });
  return outfile;
}

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), "bench-tokend-"));
  const { backend, stop } = await openServer(folder);
  const empty = join(folder, "empty.cjs");
  writeFileSync(empty, "");
  const file = (name) => join(folder, name);
  const flags = (dash, token) => [
    `${dash}pkey-pem`,
    file("key.pem"),
    `${dash}cert-pem`,
    file("cert.pem"),
    `${dash}backend`,
    backend,
    `${dash}token-file`,
    file(token),
  ];
  const usualBundle = await bundleUsual(folder);
  const measurements = {
    bare: () => timeOf([empty]),
    noop: () => timeOf([tokend, ...flags("-", "token.json")]),
    mint: () => timeOf([tokend, ...flags("-", "token.json"), "-force-refresh"]),
    bundled: () => timeOf([usualBundle, ...flags("--", "usual.json")]),
    unbundled: () => timeOf([here("usual-client.mjs"), ...flags("--", "usual.json")]),
  };
  await measurements.mint();
  const values = await inTurns(measurements, ROUNDS);
  await stop();
  rmSync(folder, { recursive: true });
  return rowsOf(values);
}

function rowsOf({ bare, noop, mint, bundled, unbundled }) {
  const overBare = mint.map((ms, round) => ms - bare[round]);
  const row = (id, name, goal, stretch, base, values = mint) =>
    costRatioRow({ id, name, unit: "ms", goal, stretch }, values, base);
  return [
    row("L1", "tokend with a fresh token ÷ bare node", 1.25, 1.06, bare, noop),
    valueRow({ id: "L2", name: "tokend with a whole mint − bare node", unit: "ms", goal: 30, stretch: 17 }, overBare),
    valueRow({ id: "L3.1", name: "tokend's bundle", unit: "kB", goal: 64, stretch: null }, [
      statSync(tokend).size / 1000,
    ]),
    row("L3.2", "a whole mint ÷ a usual client in one bundle", 0.45, 0.3, bundled),
    row("L3.3", "… unbundled", 0.2, 0.13, unbundled),
  ];
}
