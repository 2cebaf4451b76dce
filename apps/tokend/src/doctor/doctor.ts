import { proxyFor } from "@tokens/client/machine-token";
import type { Flags } from "../flags.js";
import { RunLog } from "../log.js";
import { serverUrl } from "../mint-token.js";
import { writeOptions } from "../refresh-token.js";
import { fail, type Finding, findingText, messageOf, pass, skip } from "./check.js";
import {
  checkCertificateChain,
  checkCertificateDates,
  checkFolder,
  checkInputs,
  checkKeyPermissions,
  checkWrite,
} from "./check-files.js";
import { checkMint } from "./check-mint.js";
import { checkDns, checkServer, checkTcp } from "./check-network.js";
import type { DoctorFlags } from "./doctor-flags.js";

/** Each step may take this long, in milliseconds, and no longer than a run. */
const STEP_MS = 10_000;
const stepMs = ({ timeoutMs }: Flags) => Math.max(1, Math.min(STEP_MS, Math.ceil(timeoutMs)));

/** Goes the whole way to a token and prints what it finds, as it finds it. Resolves with the exit code. */
export async function runDoctor(asked: DoctorFlags, print: (text: string) => void): Promise<number> {
  let isHealthy = true;
  for await (const finding of examine(asked)) {
    if (finding.ok === false) isHealthy = false;
    print(asked.isJson ? `${JSON.stringify(finding)}\n` : findingText(finding));
  }
  return isHealthy ? 0 : 1;
}

async function* examine({ flags, machineCaFile }: DoctorFlags): AsyncGenerator<Finding> {
  const { findings, opened } = await checkInputs(flags);
  const log = new RunLog(() => undefined, process.pid, Date.now);
  yield* findings;
  yield checkKeyPermissions(flags);
  if (opened) {
    yield checkCertificateDates(opened.key.certificateDer, Date.now());
    yield await checkCertificateChain(opened.key.certificateDer, machineCaFile, Date.now());
  }
  yield checkFolder(flags.tokenFile, flags.followLinks);
  const isReached = yield* examineNetwork(flags, opened?.ca);
  const { signal } = new AbortController();
  if (opened && isReached)
    yield await checkMint({ ...flags, ...opened, log, signal, clock: Date.now }, flags.timeoutMs);
  else yield skip("mint", opened ? "the server cannot be reached" : "there is no key to sign with");
  const options = writeOptions(flags, AbortSignal.timeout(stepMs(flags)), log);
  yield await checkWrite(flags.tokenFile, { ...options, strictPermissions: false });
}

/** Looks at each step of the way to the server until one fails; whether it was reached. */
async function* examineNetwork(flags: Flags, ca: Buffer | undefined): AsyncGenerator<Finding, boolean> {
  const url = new URL(serverUrl(flags.backend));
  let proxy: URL | undefined;
  try {
    proxy = proxyFor(url, process.env);
    yield pass("proxy", proxy ? `goes through ${proxy.host}` : "goes to the server directly");
  } catch (error) {
    yield fail("proxy", messageOf(error), "set HTTPS_PROXY to http://HOST:PORT");
    return false;
  }
  const next = proxy ?? url;
  const dns = await checkDns(next.hostname);
  yield dns;
  if (!dns.ok) return false;
  const port = Number(next.port || (next.protocol === "https:" ? 443 : 80));
  const tcp = await checkTcp(next.hostname, port, AbortSignal.timeout(stepMs(flags)));
  yield tcp;
  if (!tcp.ok) return false;
  const connection = { ...(ca && { ca }), ...(proxy && { proxy }) };
  const server = await checkServer(url, connection, AbortSignal.timeout(stepMs(flags)), Date.now);
  yield* server;
  return server.every(({ check, ok }) => ok !== false || check === "clock");
}
