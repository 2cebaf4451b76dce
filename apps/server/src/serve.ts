import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { createTokenServer, type ListenerName, openSigningKey, SigningKeyError } from "@tokens/minter";
import { compilePolicy, describeProblem, PolicyError, policyFolder } from "@tokens/minter/policy";
import { type Logger, pino } from "pino";
import { addressUrl, parseAdminAddress, parseTcpAddress } from "./address.js";
import { listenForAdministrators } from "./admin-listener.js";
import { UsageError } from "./exit-code.js";
import { tokenServerHandler } from "./http-handler.js";
import { listen, type TlsFiles } from "./listener.js";
import type { Settings } from "./settings.js";
import { packageVersion } from "./version.js";

/** How long calls in flight may take after a signal to stop, in milliseconds: as long as any call may take. */
const STOP_GRACE_MS = 30_000;

/** Runs the server until SIGTERM or SIGINT. Prints one line on stdout when it accepts calls; logs go to stderr. */
export async function serve(settings: Settings): Promise<void> {
  const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }));
  const address = parseTcpAddress(settings.listen, "listen");
  const admin = settings["admin-listen"] ?? `unix:${join(settings.data, "admin.sock")}`;
  const adminAddress = parseAdminAddress(admin, "admin-listen");
  const tls = readTlsFiles(settings);
  const stopSignal = nextStopSignal();

  const server = await openTokenServer(settings, log);
  let ready = true;
  const handlerFor = (name: ListenerName) => tokenServerHandler(server, () => ready, name);
  const adminListener = await listenForAdministrators(handlerFor("admin"), adminAddress);
  const listener = await listen(handlerFor("public"), address, tls).catch(async (error: unknown) => {
    await adminListener.stop(0);
    throw error;
  });

  const url = addressUrl(tls ? "https" : "http", { ...address, port: listener.port });
  const adminUrl = "path" in adminAddress ? admin : addressUrl("http", { ...adminAddress, port: adminListener.port });
  process.stdout.write(`${JSON.stringify({ event: "listening", url, admin: adminUrl })}\n`);
  log.info({ url, admin: adminUrl }, "listening");

  const signal = await stopSignal;
  ready = false;
  log.info({ signal }, "stopping");
  await Promise.all([listener.stop(STOP_GRACE_MS), adminListener.stop(STOP_GRACE_MS)]);
  log.info({}, "stopped");
}

/** Listens for signals from the start, so that one that arrives early is not lost. */
function nextStopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
  });
}

async function openTokenServer(settings: Settings, log: Logger) {
  const appId = settings["app-id"];
  const serviceAccount = settings["service-account"];
  const { policy, warnings } = await asUsage(policyFolder(settings.config).then(compilePolicy));
  for (const warning of warnings) log.warn({}, describeProblem(warning));
  if (policy.cas.size === 0)
    log.warn({ config: settings.config }, "the policy names no CA: no machine will get a token");
  const signer = await asUsage(openSigningKey(join(settings.data, "signing-key.pem"), serviceAccount, new Date()));
  log.info(
    { keyId: signer.keyId, revision: policy.revision, cas: [...policy.cas.keys()] },
    "policy and signing key read",
  );
  const serviceVersion = settings["service-version"] ?? `${appId}/${packageVersion()}`;
  return createTokenServer({ appId, serviceAccount, serviceVersion, policy: () => policy, signer, log });
}

/** What is wrong with files that the operator gave is said as plainly as what is wrong with flags. */
async function asUsage<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof PolicyError || error instanceof SigningKeyError)
      throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function readTlsFiles(settings: Settings): TlsFiles | undefined {
  const { "tls-cert": cert, "tls-key": key } = settings;
  if (cert === undefined || key === undefined) return undefined;
  try {
    const files = { cert: readFileSync(cert), key: readFileSync(key) };
    createSecureContext(files);
    return files;
  } catch (error) {
    throw new UsageError(`cannot use the TLS files --tls-cert and --tls-key: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
