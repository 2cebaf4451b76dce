import { setTimeout as sleep } from "node:timers/promises";
import { MintError, type MintedMachineToken } from "@tokens/client/machine-token";
import { decideRefresh, MIN_LIFETIME_MS, nextUpdateSeconds, splayOf } from "@tokens/client/schedule";
import type { TokenFile } from "@tokens/client/token-file";
import { isPermissionError } from "./atomic-write.js";
import type { Flags } from "./flags.js";
import { type Inputs, loadInputs } from "./load-inputs.js";
import type { RunLog } from "./log.js";
import { mintToken, outcomeOf } from "./mint-token.js";
import { type FoundTokenFile, readTokenFile } from "./read-token-file.js";
import { type SaveOptions, saveToken } from "./save-token.js";
import type { Outcome, RunReport } from "./status-report.js";
import { decodeState, encodeState } from "./tokend-state.js";

/** A timer of Node's cannot wait for longer, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What a run needs from its surroundings. */
export interface Surroundings {
  readonly log: RunLog;
  /** Interrupts the run. */
  readonly signal: AbortSignal;
  /** Unix milliseconds. */
  readonly clock: () => number;
  /** How often the server may be asked. Default: as often as there is time for. */
  readonly attempts?: number;
  /** Refreshes a token that has not reached half of its life. */
  readonly isDue?: boolean;
}

/** A run has begun. */
interface TimedSurroundings extends Surroundings {
  /** When its time is up, in monotonic milliseconds. */
  readonly endMs: number;
}

/** Refreshes the token if it has to be, and fills in the report. True if there is a good token, and all copies of it. */
export async function refreshToken(flags: Flags, report: RunReport, given: Surroundings): Promise<boolean> {
  const { log, clock, isDue = false } = given;
  const surroundings = { ...given, endMs: performance.now() + flags.timeoutMs };
  const warn = (message: string) => log.log("warning", message);
  const found = await readTokenFile(flags.tokenFile, warn);
  report.token = found.file;
  const inputs = await loadInputs(flags, warn).catch((error: Error) => error);
  if (inputs instanceof Error) {
    report.reason = (found.file.next_update ?? 0) === 0 ? "NEW_TOKEN" : "PARAMS_CHANGE";
    return fail(report, "CANT_READ_KEY", inputs, log);
  }
  const storedDigest = decodeState(found.file.tokend_state)?.inputsDigest;
  const { forceRefresh } = flags;
  const decided = decideRefresh({
    file: found.file,
    storedDigest,
    digest: inputs.digest,
    forceRefresh,
    nowMs: clock(),
  });
  const reason = decided ?? (isDue ? "TOKEN_EXPIRES" : undefined);
  if (reason === undefined) return keepToken(flags, report, surroundings);
  report.reason = reason;
  const minted = await mint(flags, inputs, report, surroundings).catch((error: unknown) => error);
  if (!isMinted(minted)) return fail(report, outcomeOf(minted), minted, log);
  report.token = freshFile(minted, inputs.digest, clock(), log);
  return storeToken(flags, found, report, surroundings);
}

function fail(report: RunReport, outcome: Outcome, error: unknown, log: RunLog): false {
  report.outcome = outcome;
  report.failure = error instanceof Error ? error.message : "unknown error";
  if (error instanceof MintError && error.serviceVersion !== undefined) report.serviceVersion = error.serviceVersion;
  log.log("error", report.failure);
  return false;
}

async function mint(
  flags: Flags,
  inputs: Inputs,
  report: RunReport,
  { log, signal, clock, attempts, endMs }: TimedSurroundings,
): Promise<MintedMachineToken> {
  const waitMs = flags.splayMs * splayOf(Buffer.from(inputs.key.certificateDer).toString("hex"));
  if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  const begin = performance.now();
  try {
    const limits = { timeoutMs: endMs + waitMs - begin, signal, clock, ...(attempts !== undefined && { attempts }) };
    const minted = await mintToken(flags, inputs, limits, log);
    report.serviceVersion = minted.serviceVersion;
    return minted;
  } finally {
    report.rpcMs = performance.now() - begin;
  }
}

function isMinted(value: unknown): value is MintedMachineToken {
  return typeof value === "object" && value !== null && "token" in value;
}

function freshFile(
  { token, expirySeconds }: MintedMachineToken,
  digest: string,
  nowMs: number,
  log: RunLog,
): TokenFile {
  if (expirySeconds * 1000 - nowMs < MIN_LIFETIME_MS) log.log("warning", "the token lives for less than 5 minutes");
  return {
    luci_machine_token: token,
    expiry: expirySeconds,
    last_update: Math.floor(nowMs / 1000),
    next_update: nextUpdateSeconds(expirySeconds, nowMs),
    tokend_state: encodeState({ inputsDigest: digest }),
  };
}

/** The token is good: only copies that differ are written. */
async function keepToken(flags: Flags, report: RunReport, surroundings: TimedSurroundings): Promise<boolean> {
  const options = writeOptions(flags, untilEnd(surroundings), surroundings.log);
  const { replaced, error } = await saveToken(flags.tokenFileCopies, report.token, options);
  report.reason = replaced > 0 || error !== undefined ? "MISSING_TOKEN_COPY" : "TOKEN_IS_GOOD";
  report.outcome = error === undefined ? "TOKEN_IS_GOOD" : saveOutcome(error);
  return error === undefined;
}

async function storeToken(
  flags: Flags,
  found: FoundTokenFile,
  report: RunReport,
  surroundings: TimedSurroundings,
): Promise<boolean> {
  const paths = [flags.tokenFile, ...flags.tokenFileCopies];
  const overrules = report.reason === "FORCE_REFRESH" ? found.text : undefined;
  const options = { ...writeOptions(flags, untilEnd(surroundings), surroundings.log), overrules };
  const { token, error } = await saveToken(paths, report.token, options);
  report.token = token;
  if (error !== undefined) return fail(report, saveOutcome(error), error, surroundings.log);
  report.outcome = "UPDATE_SUCCESS";
  return true;
}

/** How the flags say that files are written. */
export function writeOptions(flags: Flags, signal: AbortSignal, log: RunLog): SaveOptions {
  const { mode, gid, followLinks, strictPermissions } = flags;
  return { mode, gid, followLinks, strictPermissions, signal, warn: (message) => log.log("warning", message) };
}

/** Ends with the run's time, too. */
function untilEnd({ signal, endMs }: TimedSurroundings): AbortSignal {
  const leftMs = Math.ceil(Math.min(LONGEST_TIMER_MS, Math.max(0, endMs - performance.now())));
  return AbortSignal.any([signal, AbortSignal.timeout(leftMs)]);
}

function saveOutcome(error: unknown): Outcome {
  return isPermissionError(error) ? "SAVE_TOKEN_PERM_ERROR" : "UNKNOWN_SAVE_TOKEN_ERROR";
}
