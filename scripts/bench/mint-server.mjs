// The token server as `tokens serve` runs it, but for one thing: nothing is recorded. What the audit log costs is what
// this one spares. Arguments: the settings of tokens serve.
import { openSqliteStorage } from "@tokens/minter/sqlite";
import { BlockList } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startTokenServer } from "@tokens/minter";
import { policyFolder } from "@tokens/minter/policy";
import { pino } from "pino";
import { tokenServerHandler } from "@tokens/server/dist/http-handler.js";
import { listen } from "@tokens/server/dist/listener.js";
import { logLines } from "@tokens/server/dist/log-lines.js";
import { portGuard } from "@tokens/server/dist/port-guard.js";
import { prometheusMetrics } from "@tokens/server/dist/prometheus.js";

const text = { type: "string" };
const { values } = parseArgs({ options: { config: text, data: text, "allow-crl-host": text } });
const storage = await openSqliteStorage(join(values.data, "tokens.db"));
const unrecorded = Object.create(storage, {
  audit: { value: Object.create(storage.audit, { append: { value: () => Promise.resolve() } }) },
});
const metrics = prometheusMetrics();
const server = await startTokenServer({
  storage: unrecorded,
  appId: "tokens",
  serviceAccount: "tokens@localhost.localdomain",
  serviceVersion: "tokens/0.1.0",
  policySource: await policyFolder(values.config),
  crl: { hosts: new Set([values["allow-crl-host"]]) },
  log: pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, logLines(2)),
  metrics,
});
const parts = { server, metrics, isReady: () => true, listener: "public", trustedProxies: new BlockList() };
const guard = portGuard(10_000, metrics);
const { port } = await listen(tokenServerHandler(parts), { host: "127.0.0.1", port: 0 }, undefined, guard);
process.send({ port });

// Nobody is left to stop it when the benchmark fails.
process.once("disconnect", () => process.exit());
