import { setTimeout as sleep } from "node:timers/promises";
import {
  type MachineKey,
  MintError,
  type MintedMachineToken,
  mintMachineToken,
  proxyFor,
} from "@tokens/client/machine-token";
import { splayOf } from "@tokens/client/schedule";
import type { Flags } from "./flags.js";
import type { RunLog } from "./log.js";
import { monotonicMs } from "./monotonic-clock.js";
import type { Outcome, RunReport } from "./status-report.js";

/** How the server is reached, and what it is asked with. */
export interface MintCall extends Pick<Flags, "backend" | "protocol" | "serverName" | "audience"> {
  readonly key: MachineKey;
  /** The only CAs that the server's certificate may come from, in PEM. */
  readonly ca: Buffer | undefined;
  readonly log: RunLog;
  readonly signal: AbortSignal;
  /** Unix milliseconds. */
  readonly clock: () => number;
  /** Default: as many as there is time for. */
  readonly attempts?: number;
}

/** Base URL of the token server: plain HTTP is for this machine alone. */
export function serverUrl(backend: string): string {
  return `${/^(localhost|127\.0\.0\.1):/.test(backend) ? "http" : "https"}://${backend}`;
}

/** Gets a token from the server; each attempt is logged. Rejects with a MintError, or with what the key rejects with. */
export async function mintToken(call: MintCall, timeoutMs: number): Promise<MintedMachineToken> {
  const { backend, protocol, serverName, audience, key, ca, log, signal, clock, attempts } = call;
  const deadline = `[deadline ${timeoutMs / 1000}s]`;
  log.log("debug", `RPC ${backend}/tokenserver.minter.TokenMinter.MintMachineToken ${deadline}`);
  const url = serverUrl(backend);
  const proxy = proxyFor(new URL(url), process.env);
  if (proxy) log.log("debug", `through the proxy ${proxy.host}`);
  return mintMachineToken({
    url,
    key,
    protocol,
    timeoutMs,
    signal,
    clock,
    monotonicClock: monotonicMs,
    ...(attempts !== undefined && { attempts }),
    ...(serverName !== "" && { serverName }),
    audience,
    connection: { ...(ca && { ca }), ...(proxy && { proxy }) },
    onRetry: ({ message }, delayMs) =>
      log.log("warning", `RPC failed transiently (retry in ${Math.round(delayMs)}ms): ${message}`),
  });
}

/** A call in a run that has a time of its own. */
export interface TimedMintCall extends MintCall {
  readonly splayMs: number;
  /** When the run's time is up, in monotonic milliseconds. The splay does not count. */
  readonly endMs: number;
}

/** A call that got no token. */
export interface FailedMint {
  readonly outcome: Outcome;
  readonly error: unknown;
}

/** Gets a token within the time of a run, after the splay of this host, and notes in the report how that went. */
export async function mintInTime(call: TimedMintCall, report: RunReport): Promise<MintedMachineToken | FailedMint> {
  const waitMs = call.splayMs > 0 ? call.splayMs * splayOf(Buffer.from(call.key.certificateDer).toString("hex")) : 0;
  if (waitMs > 0) await sleep(waitMs, undefined, { signal: call.signal }).catch(() => undefined);
  const begin = monotonicMs();
  try {
    const minted = await mintToken(call, call.endMs + waitMs - begin);
    report.serviceVersion = minted.serviceVersion;
    return minted;
  } catch (error) {
    if (error instanceof MintError && error.serviceVersion !== undefined) report.serviceVersion = error.serviceVersion;
    return { outcome: outcomeOf(error), error };
  } finally {
    report.rpcMs = monotonicMs() - begin;
  }
}

/** LUCI's names for what can go wrong with the call. Codes 2, 13 and 14 hide in a wrapper that its agent does not open. */
export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof MintError)) return "UNKNOWN_RPC_ERROR";
  if (error.errorCode !== undefined) return `MINT_TOKEN_ERROR_${error.errorCode}`;
  if (error.code === "BAD_RESPONSE" && error.serviceVersion !== undefined) return "MALFORMED_RESPONSE";
  const hidden = error.grpcCode === undefined || [2, 13, 14].includes(error.grpcCode);
  return hidden ? "UNKNOWN_RPC_ERROR" : `GRPC_ERROR_${error.grpcCode}`;
}
