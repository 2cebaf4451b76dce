import { MintError, type MintedMachineToken, proxyFor } from "@tokens/client/machine-token";
import type { Flags } from "./flags.js";
import type { Inputs } from "./load-inputs.js";
import type { RunLog } from "./log.js";
import type { Outcome } from "./status-report.js";

/** Flags that say how the server is reached. */
export type MintFlags = Pick<Flags, "backend" | "protocol" | "serverName">;

/** The limits of a call. */
export interface MintLimits {
  readonly timeoutMs: number;
  /** Default: as many as there is time for. */
  readonly attempts?: number;
  readonly signal: AbortSignal;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** Base URL of the token server: plain HTTP is for this machine alone. */
export function serverUrl(backend: string): string {
  return `${/^(localhost|127\.0\.0\.1):/.test(backend) ? "http" : "https"}://${backend}`;
}

/** Gets a token from the server; each attempt is logged. Rejects with a MintError, or with what the key rejects with. */
export async function mintToken(
  { backend, protocol, serverName }: MintFlags,
  { key, ca }: Inputs,
  limits: MintLimits,
  log: RunLog,
): Promise<MintedMachineToken> {
  const deadline = `[deadline ${limits.timeoutMs / 1000}s]`;
  log.log("debug", `RPC ${backend}/tokenserver.minter.TokenMinter.MintMachineToken ${deadline}`);
  const url = serverUrl(backend);
  const proxy = proxyFor(new URL(url), process.env);
  if (proxy) log.log("debug", `through the proxy ${proxy.host}`);
  // Loaded only now: a run that finds a good token opens no connection.
  const { mintMachineToken } = await import("@tokens/client/machine-token");
  return mintMachineToken({
    url,
    key,
    protocol,
    ...(serverName !== "" && { serverName }),
    connection: { ...(ca && { ca }), ...(proxy && { proxy }) },
    ...limits,
    onRetry: ({ message }, delayMs) =>
      log.log("warning", `RPC failed transiently (retry in ${Math.round(delayMs)}ms): ${message}`),
  });
}

/** LUCI's names for what can go wrong with the call. Codes 2, 13 and 14 hide in a wrapper that its agent does not open. */
export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof MintError)) return "UNKNOWN_RPC_ERROR";
  if (error.errorCode !== undefined) return `MINT_TOKEN_ERROR_${error.errorCode}`;
  if (error.code === "BAD_RESPONSE" && error.serviceVersion !== undefined) return "MALFORMED_RESPONSE";
  const hidden = error.grpcCode === undefined || [2, 13, 14].includes(error.grpcCode);
  return hidden ? "UNKNOWN_RPC_ERROR" : `GRPC_ERROR_${error.grpcCode}`;
}
