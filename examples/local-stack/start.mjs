// The main job on one machine: a throw-away CA and a machine's certificate, the token server, the machine's agent, and a
// backend that checks the token. Everything is the real program; only the CA is made up.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeFleet } from "./fleet.mjs";
import { Programs } from "./programs.mjs";

const once = process.argv.includes("--once");
const folder = await mkdtemp(join(tmpdir(), "tokens-"));
const programs = new Programs();
let failed = false;

const stopping = new Promise((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => resolve(signal));
});

function say(step, text) {
  console.log(`${String(step).padStart(2)}. ${text}`);
}

/** Calls the backend, with or without the token; fails the demonstration when the answer is not the expected one. */
async function call(url, token, expected) {
  const response = await fetch(url, { headers: token === undefined ? {} : { "X-Luci-Machine-Token": token } });
  const body = (await response.text()).trim();
  if (response.status !== expected) throw new Error(`the backend answered ${response.status}, expected ${expected}`);
  return `${response.status} ${body}`;
}

async function demonstrate() {
  const machine = await writeFleet(folder, "host-1.fleet.example.com");
  say(1, `made a throw-away CA and a certificate for ${machine.name} in ${folder}`);

  const server = await programs.startServer(machine.config, join(folder, "data"));
  say(2, `started the token server at ${server.url}`);

  const tokenFile = join(folder, "token.json");
  await programs.runAgent({ ...machine, backend: new URL(server.url).host, tokenFile });
  const { luci_machine_token: token, expiry } = JSON.parse(await readFile(tokenFile, "utf8"));
  const minutes = Math.round((Number(expiry) - Date.now() / 1000) / 60);
  say(3, `ran tokend for the machine: it signed a request with its key and got a token for ${minutes} minutes`);

  const backend = await programs.startBackend(server.url);
  say(4, `started a backend at ${backend}; it checks tokens by itself, without asking the token server`);

  say(5, `called it without a token:      ${await call(backend, undefined, 401)}`);
  say(6, `called it with a forged token:  ${await call(backend, forge(token), 401)}`);
  say(7, `called it with the real token:  ${await call(backend, token, 200)}`);
  return { backend, tokenFile, server, machine };
}

/** The token with one letter of its signature changed. */
function forge(token) {
  const place = token.length - 20;
  return `${token.slice(0, place)}${token[place] === "A" ? "B" : "A"}${token.slice(place + 1)}`;
}

function explain({ backend, tokenFile, server, machine }) {
  const read = `$(sed -n 's/.*"luci_machine_token": *"\\(.*\\)".*/\\1/p' ${tokenFile})`;
  console.log(`
Everything keeps running. Try it by hand:
  curl -i ${backend}
  curl -i ${backend} -H "X-Luci-Machine-Token: ${read}"
  node apps/server/bin/tokens.js check-token --trust ${server.url} "${read}"
  node apps/tokend/bin/tokend.js -backend ${new URL(server.url).host} -pkey-pem ${machine.key} \\
    -cert-pem ${machine.certificate} -token-file ${tokenFile} -force-refresh
Ctrl-C stops it.`);
}

try {
  const running = await Promise.race([demonstrate(), stopping.then(() => undefined)]);
  if (running && !once) {
    explain(running);
    await Promise.race([stopping, programs.unexpectedEnd()]);
  }
} catch (error) {
  failed = true;
  console.error(`failed: ${error.message}`);
} finally {
  await programs.stop();
  await rm(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
