import { join } from "node:path";
import {
  type AuditSettings,
  type ListenerName,
  FeedWentBack,
  KeyUnusable,
  startTokenServer,
  type Storage,
  type TokenServer,
} from "@tokens/minter";
import { PolicyError, policyFolder } from "@tokens/minter/policy";
import { type Logger, pino } from "pino";
import { type Address, addressUrl, parseAdminAddress, parseTcpAddress } from "./address.js";
import { readKeySettings } from "./key-settings.js";
import { listenForAdministrators } from "./admin-listener.js";
import { allowedHosts } from "./allowed-hosts.js";
import { credentialSettings } from "./credential-settings.js";
import { crlSettings } from "./crl-settings.js";
import { parseDuration } from "./duration.js";
import { UsageError } from "./exit-code.js";
import { tokenServerHandler } from "./http-handler.js";
import { type Handler, listen, type PortGuard, type TlsFiles } from "./listener.js";
import { oidcIssuers } from "./oidc-settings.js";
import { makeDataFolder, openStorage } from "./open-storage.js";
import { logLines } from "./log-lines.js";
import { portGuard } from "./port-guard.js";
import { parseNetworks } from "./peer-address.js";
import { prometheusMetrics, type PrometheusMetrics } from "./prometheus.js";
import type { Settings } from "./settings.js";
import { loadSettings } from "./load-settings.js";
import { requestSettings } from "./request-settings.js";
import { readClientCas, readTlsFiles } from "./tls-files.js";
import { publishedNumberIn } from "./published-number.js";
import { packageVersion } from "./version.js";

/** How long calls in flight may take after a signal to stop, in milliseconds: as long as any call may take. */
const STOP_GRACE_MS = 30_000;

/** Runs the server until SIGTERM or SIGINT. Prints one line on stdout when it accepts calls; logs go to stderr. */
export async function serve(settings: Settings): Promise<void> {
  const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, logLines(2));
  const address = parseTcpAddress(settings.listen, "listen");
  const admin = settings["admin-listen"] ?? `unix:${join(settings.data, "admin.sock")}`;
  const adminAddress = parseAdminAddress(admin, "admin-listen");
  const tls = readTlsFiles(settings);
  const stopSignal = nextStopSignal();

  const trustedProxies = parseNetworks(settings["trusted-proxy"], "trusted-proxy");
  let listeningUrl: string | undefined;
  const open = await openTokenServer(settings, tls, log, () => listeningUrl);
  let ready = true;
  const handlerFor = (name: ListenerName) =>
    tokenServerHandler({
      server: open.server,
      metrics: open.metrics,
      isReady: () => ready,
      listener: name,
      trustedProxies,
    });
  const listeners = await openListeners(handlerFor, {
    address,
    adminAddress,
    tls,
    guard: portGuard(Number(settings["max-connections"]), open.metrics),
  }).catch(async (error: unknown) => {
    await open.close();
    throw error;
  });

  const url = addressUrl(tls ? "https" : "http", { ...address, port: listeners.port });
  const adminUrl = "path" in adminAddress ? admin : addressUrl("http", { ...adminAddress, port: listeners.adminPort });
  listeningUrl = url;
  process.stdout.write(`${JSON.stringify({ event: "listening", url, admin: adminUrl })}\n`);
  log.info({ url, admin: adminUrl }, "listening");

  const signal = await stopSignal;
  ready = false;
  log.info({ signal }, "stopping");
  await listeners.stop(STOP_GRACE_MS);
  await open.close();
  log.info({}, "stopped");
}

interface Addresses {
  readonly address: { host: string; port: number };
  readonly adminAddress: Address;
  readonly tls: TlsFiles | undefined;
  readonly guard: PortGuard;
}

/** Opens both ports, or none. */
async function openListeners(
  handlerFor: (name: ListenerName) => Handler,
  { address, adminAddress, tls, guard }: Addresses,
) {
  const adminListener = await listenForAdministrators(handlerFor("admin"), adminAddress);
  const listener = await listen(handlerFor("public"), address, tls, guard).catch(async (error: unknown) => {
    await adminListener.stop(0);
    throw error;
  });
  const both = [listener, adminListener];
  const stop = async (graceMs: number) => void (await Promise.all(both.map((each) => each.stop(graceMs))));
  return { port: listener.port, adminPort: adminListener.port, stop };
}

/** Listens for signals from the start, so that one that arrives early is not lost. */
function nextStopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
  });
}

interface OpenTokenServer {
  readonly server: TokenServer;
  readonly metrics: PrometheusMetrics;
  close(): Promise<void>;
}

async function openTokenServer(
  settings: Settings,
  tls: TlsFiles | undefined,
  log: Logger,
  listeningUrl: () => string | undefined,
): Promise<OpenTokenServer> {
  const credentials = credentialSettings(settings, process.env, listeningUrl);
  const callers = { oidcIssuers: oidcIssuers(settings), clientCas: readClientCas(tls ?? {}) };
  const policySource = await asUsage(policyFolder(settings.config));
  const audit = auditSettings(settings);
  const { keys, warnings } = await asUsage(readKeySettings(settings, process.env));
  for (const warning of warnings) log.warn({}, warning);
  await makeDataFolder(settings.data);
  const storage = await openStorage(settings.storage, settings.data);
  const metrics = prometheusMetrics();
  const appId = settings["app-id"];
  const identity = {
    appId,
    serviceAccount: settings["service-account"],
    serviceVersion: settings["service-version"] ?? `${appId}/${packageVersion()}`,
  };
  const crl = crlSettings(settings);
  const rollback = settings["accept-rollback"] ? ("accept" as const) : ("refuse" as const);
  const feed = { published: publishedNumberIn(settings.data), rollback };
  const serviceHosts = allowedHosts("allow-service-host", settings["allow-service-host"]);
  const requests = { ...requestSettings(settings, credentials.publicUrl), load: loadSettings(settings) };
  const features = { ...identity, ...callers, ...requests, policySource, keys, crl, feed, serviceHosts, audit };
  const isStaging = settings.staging;
  const starting = startTokenServer({ ...features, ...credentials, isStaging, storage, log, metrics });
  const server = await asUsage(starting).catch(async (error: unknown) => {
    await storage.close();
    throw error;
  });
  const stopImporting = importOnHangup(server, log);
  const close = async () => {
    stopImporting();
    await closeAll(server, storage);
  };
  return { server, metrics, close };
}

/** SIGHUP: somebody has changed the policy files and does not want to wait for the next minute. */
function importOnHangup(server: TokenServer, log: Logger): () => void {
  const onHangup = () => {
    const report = (error: unknown) => log.error({ err: error }, "the policy files cannot be imported");
    server.importPolicy().then(({ revision }) => log.info({ revision }, "policy imported on SIGHUP"), report);
  };
  process.on("SIGHUP", onHangup);
  return () => void process.off("SIGHUP", onHangup);
}

async function closeAll(server: TokenServer, storage: Storage): Promise<void> {
  await server.close();
  await storage.close();
}

function auditSettings(settings: Settings): AuditSettings {
  const age = (name: "audit-retention" | "audit-retention-machines") => parseDuration(settings[name], name);
  return {
    mode: settings.audit,
    ages: { decisions: age("audit-retention"), machines: age("audit-retention-machines") },
  };
}

/** What is wrong with files that the operator gave is said as plainly as what is wrong with flags. */
async function asUsage<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof PolicyError || error instanceof KeyUnusable || error instanceof FeedWentBack)
      throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
