import { readFile } from "node:fs/promises";
import { loadMachineKey, type MachineKey, MintError, type MintedMachineToken } from "@tokens/client/machine-token";
import { hasText, isPermissionError, writeAtomically } from "./atomic-write.js";
import { decideRefresh, MIN_LIFETIME_MS, nextUpdateSeconds } from "@tokens/client/schedule";
import type { Flags } from "./flags.js";
import { inputsDigest } from "./inputs-digest.js";
import type { RunLog } from "./log.js";
import type { Outcome, RunReport } from "./status-report.js";
import { parseTokenFile, serializeTokenFile, type TokenFile } from "@tokens/client/token-file";
import { decodeState, encodeState } from "./tokend-state.js";

/** What a run needs from its surroundings. */
export interface Surroundings {
  readonly log: RunLog;
  /** Interrupts the run. */
  readonly signal: AbortSignal;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** Refreshes the token if it has to be, and fills in the report. True if there is a good token, and all copies of it. */
export async function refreshToken(flags: Flags, report: RunReport, surroundings: Surroundings): Promise<boolean> {
  const { log, clock } = surroundings;
  const deadlineMs = clock() + flags.timeoutMs;
  const file = await readTokenFile(flags.tokenFile, log);
  report.token = file;
  const inputs = await loadInputs(flags).catch((error: Error) => error);
  if (inputs instanceof Error) {
    report.reason = (file.next_update ?? 0) === 0 ? "NEW_TOKEN" : "PARAMS_CHANGE";
    return fail(report, "CANT_READ_KEY", inputs, log);
  }
  const storedDigest = decodeState(file.tokend_state)?.inputsDigest;
  const { forceRefresh } = flags;
  const reason = decideRefresh({ file, storedDigest, digest: inputs.digest, forceRefresh, nowMs: clock() });
  if (reason === undefined) return keepToken(flags, report, surroundings);
  report.reason = reason;
  const timeoutMs = deadlineMs - clock();
  const minted = await mint(flags, inputs.key, timeoutMs, report, surroundings).catch((error: unknown) => error);
  if (!isMinted(minted)) return fail(report, outcomeOf(minted), minted, log);
  report.token = fresh(minted, inputs.digest, clock(), log);
  return saveToken(flags, report, surroundings);
}

function fail(report: RunReport, outcome: Outcome, error: unknown, log: RunLog): false {
  report.outcome = outcome;
  report.failure = error instanceof Error ? error.message : "unknown error";
  if (error instanceof MintError && error.serviceVersion !== undefined) report.serviceVersion = error.serviceVersion;
  log.log("error", report.failure);
  return false;
}

async function readTokenFile(path: string, log: RunLog): Promise<TokenFile> {
  try {
    return parseTokenFile(await readFile(path, "utf8"));
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!missing) log.log("warning", `cannot use the token file ${path}: ${describe(error)}`);
    return {};
  }
}

/** What JSON.parse says of broken text repeats the text, and with it perhaps the token. */
function describe(error: unknown): string {
  return error instanceof SyntaxError ? "it is not JSON" : error instanceof Error ? error.message : "unreadable";
}

async function loadInputs({ keyFile, certificateFile, backend }: Flags): Promise<{ key: MachineKey; digest: string }> {
  const keyBytes = await readFile(keyFile);
  const certificate = await readFile(certificateFile);
  const key = loadMachineKey(keyBytes.toString("latin1"), certificate.toString("latin1"));
  return { key, digest: inputsDigest({ backend, certificate, key: keyBytes }) };
}

/** The token is good: only copies that differ are written. */
async function keepToken(flags: Flags, report: RunReport, { log, signal }: Surroundings): Promise<boolean> {
  const text = serializeTokenFile(report.token);
  const { written, error } = await writeAll(flags.tokenFileCopies, text, log, signal);
  report.reason = written > 0 || error !== undefined ? "MISSING_TOKEN_COPY" : "TOKEN_IS_GOOD";
  report.outcome = error === undefined ? "TOKEN_IS_GOOD" : saveOutcome(error);
  return error === undefined;
}

async function mint(
  flags: Flags,
  key: MachineKey,
  timeoutMs: number,
  report: RunReport,
  { log, signal, clock }: Surroundings,
): Promise<MintedMachineToken> {
  const scheme = /^(localhost|127\.0\.0\.1):/.test(flags.backend) ? "http" : "https";
  log.log(
    "debug",
    `RPC ${flags.backend}/tokenserver.minter.TokenMinter.MintMachineToken [deadline ${timeoutMs / 1000}s]`,
  );
  const begin = performance.now();
  try {
    // Loaded only now: a run that finds a good token opens no connection.
    const { mintMachineToken } = await import("@tokens/client/machine-token");
    const minted = await mintMachineToken({ url: `${scheme}://${flags.backend}`, key, timeoutMs, signal, clock });
    report.serviceVersion = minted.serviceVersion;
    return minted;
  } finally {
    report.rpcMs = performance.now() - begin;
  }
}

function isMinted(value: unknown): value is MintedMachineToken {
  return typeof value === "object" && value !== null && "token" in value;
}

/** LUCI's names for what can go wrong with the call. Codes 2, 13 and 14 hide in a wrapper that its agent does not open. */
function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof MintError)) return "UNKNOWN_RPC_ERROR";
  if (error.errorCode !== undefined) return `MINT_TOKEN_ERROR_${error.errorCode}`;
  if (error.code === "BAD_RESPONSE" && error.serviceVersion !== undefined) return "MALFORMED_RESPONSE";
  const hidden = error.grpcCode === undefined || [2, 13, 14].includes(error.grpcCode);
  return hidden ? "UNKNOWN_RPC_ERROR" : `GRPC_ERROR_${error.grpcCode}`;
}

function fresh({ token, expirySeconds }: MintedMachineToken, digest: string, nowMs: number, log: RunLog): TokenFile {
  if (expirySeconds * 1000 - nowMs < MIN_LIFETIME_MS) log.log("warning", "the token lives for less than 5 minutes");
  return {
    luci_machine_token: token,
    expiry: expirySeconds,
    last_update: Math.floor(nowMs / 1000),
    next_update: nextUpdateSeconds(expirySeconds, nowMs),
    tokend_state: encodeState({ inputsDigest: digest }),
  };
}

async function saveToken(flags: Flags, report: RunReport, { log, signal }: Surroundings): Promise<boolean> {
  const text = serializeTokenFile(report.token);
  const { error } = await writeAll([flags.tokenFile, ...flags.tokenFileCopies], text, log, signal);
  if (error !== undefined) return fail(report, saveOutcome(error), error, log);
  report.outcome = "UPDATE_SUCCESS";
  return true;
}

function saveOutcome(error: unknown): Outcome {
  return isPermissionError(error) ? "SAVE_TOKEN_PERM_ERROR" : "UNKNOWN_SAVE_TOKEN_ERROR";
}

/** Writes the text wherever it is not yet. All places are tried; the first error is reported. */
async function writeAll(paths: readonly string[], text: string, log: RunLog, signal: AbortSignal) {
  let written = 0;
  let error: unknown;
  const warn = (message: string) => log.log("warning", message);
  for (const path of paths) {
    if (await hasText(path, text)) continue;
    try {
      await writeAtomically(path, text, { signal, warn });
      written++;
    } catch (failure) {
      log.log("error", `cannot write ${path}: ${describe(failure)}`);
      error ??= failure;
    }
  }
  return { written, error };
}
