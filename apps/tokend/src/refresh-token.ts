import type { MintedMachineToken } from "@tokens/client/machine-token";
import { decideRefresh, MIN_LIFETIME_MS, nextUpdateSeconds } from "@tokens/client/schedule";
import type { TokenFile } from "@tokens/client/token-file";
import type { Flags } from "./flags.js";
import type { Interruption } from "./interruption.js";
import { inputsStamp } from "./inputs-stamp.js";
import { openKey, readInputs } from "./load-inputs.js";
import type { RunLog } from "./log.js";
import { monotonicMs } from "./monotonic-clock.js";
import { mintInTime } from "./mint-token.js";
import { isPermissionError } from "./permission-error.js";
import { readTokenFile } from "./read-token-file.js";
import { type Saved, type SaveOptions, saveToken } from "./save-token.js";
import type { Outcome, RunReport } from "./status-report.js";
import { decodeState, encodeState, type TokendState } from "./tokend-state.js";

/** A timer of Node's cannot wait for longer, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What a run needs from its surroundings. */
export interface Surroundings {
  readonly log: RunLog;
  readonly interruption: Interruption;
  /** Unix milliseconds. */
  readonly clock: () => number;
  /** How often the server may be asked. Default: as often as there is time for. */
  readonly attempts?: number;
  /** Refreshes a token that has not reached half of its life. */
  readonly isDue?: boolean;
}

/** A run has begun. */
interface Run extends Surroundings {
  readonly flags: Flags;
  readonly report: RunReport;
  /** When its time is up, in monotonic milliseconds. */
  readonly endMs: number;
}

/**
 * Refreshes the token if it has to be, and fills in the report. True if there is a good token, and all copies of it. What
 * only some runs need is loaded when they do: most find a good token.
 */
export async function refreshToken(flags: Flags, report: RunReport, surroundings: Surroundings): Promise<boolean> {
  const { log, clock, isDue = false } = surroundings;
  const run: Run = { ...surroundings, flags, report, endMs: monotonicMs() + flags.timeoutMs };
  const warn = (message: string) => log.log("warning", message);
  const found = readTokenFile(flags.tokenFile, warn);
  report.token = found.file;
  const cannotRead = (error: Error) => {
    report.reason = (found.file.next_update ?? 0) === 0 ? "NEW_TOKEN" : "PARAMS_CHANGE";
    return fail(run, "CANT_READ_KEY", error);
  };
  const state = decodeState(found.file.tokend_state);
  const stamp = inputsStamp(flags, clock());
  const inDoubt = {
    file: found.file,
    storedDigest: state?.inputsDigest,
    forceRefresh: flags.forceRefresh,
    nowMs: clock(),
  };
  if (stamp !== undefined && stamp === state?.inputsStamp && !isDue) {
    // Nobody has written to the inputs since they minted this token: they need not be read to know their digest.
    if (decideRefresh({ ...inDoubt, digest: state.inputsDigest }) === undefined) return keepToken(run);
  }
  // From here on a run may wait: for a key on stdin, and for the server.
  const { signal } = run.interruption;
  const inputs = await readInputs(flags, warn).catch((error: Error) => error);
  if (inputs instanceof Error) return cannotRead(inputs);
  const decided = decideRefresh({ ...inDoubt, digest: inputs.digest });
  if (decided === undefined && !isDue) return keepToken(run);
  const key = await openKey(inputs).catch((error: Error) => error);
  if (key instanceof Error) return cannotRead(key);
  report.reason = decided ?? "TOKEN_EXPIRES";
  const minted = await mintInTime({ ...run, ...flags, key, ca: inputs.ca, signal }, report);
  if ("outcome" in minted) return fail(run, minted.outcome, minted.error);
  // A stamp from before the inputs were read: what was written since has another.
  report.token = freshFile(minted, { inputsDigest: inputs.digest, inputsStamp: stamp }, clock(), log);
  return storeToken(run, found.text);
}

function fail({ report, log }: Run, outcome: Outcome, error: unknown): false {
  report.outcome = outcome;
  report.failure = error instanceof Error ? error.message : "unknown error";
  log.log("error", report.failure);
  return false;
}

function freshFile(
  { token, expirySeconds }: MintedMachineToken,
  state: TokendState,
  nowMs: number,
  log: RunLog,
): TokenFile {
  if (expirySeconds * 1000 - nowMs < MIN_LIFETIME_MS) log.log("warning", "the token lives for less than 5 minutes");
  return {
    luci_machine_token: token,
    expiry: expirySeconds,
    last_update: Math.floor(nowMs / 1000),
    next_update: nextUpdateSeconds(expirySeconds, nowMs),
    tokend_state: encodeState(state),
  };
}

/** The token is good: only copies that differ are written. */
async function keepToken(run: Run): Promise<boolean> {
  const { flags, report } = run;
  const { replaced, error } = await save(run, flags.tokenFileCopies);
  report.reason = replaced > 0 || error !== undefined ? "MISSING_TOKEN_COPY" : "TOKEN_IS_GOOD";
  report.outcome = error === undefined ? "TOKEN_IS_GOOD" : saveOutcome(error);
  return error === undefined;
}

async function storeToken(run: Run, seen: string | undefined): Promise<boolean> {
  const { flags, report } = run;
  const paths = [flags.tokenFile, ...flags.tokenFileCopies];
  const { token, error } = await save(run, paths, report.reason === "FORCE_REFRESH" ? seen : undefined);
  report.token = token;
  if (error !== undefined) return fail(run, saveOutcome(error), error);
  report.outcome = "UPDATE_SUCCESS";
  return true;
}

async function save(run: Run, paths: readonly string[], overrules?: string): Promise<Saved> {
  const { flags, report, log, interruption, endMs } = run;
  if (paths.length === 0) return { token: report.token, replaced: 0, error: undefined };
  const leftMs = Math.ceil(Math.min(LONGEST_TIMER_MS, Math.max(0, endMs - monotonicMs())));
  const untilEnd = AbortSignal.any([interruption.signal, AbortSignal.timeout(leftMs)]);
  return saveToken(paths, report.token, { ...writeOptions(flags, untilEnd, log), overrules });
}

/** How the flags say that files are written. */
export function writeOptions(flags: Flags, signal: AbortSignal, log: RunLog): SaveOptions {
  const { mode, gid, followLinks, strictPermissions } = flags;
  return { mode, gid, followLinks, strictPermissions, signal, warn: (message) => log.log("warning", message) };
}

function saveOutcome(error: unknown): Outcome {
  return isPermissionError(error) ? "SAVE_TOKEN_PERM_ERROR" : "UNKNOWN_SAVE_TOKEN_ERROR";
}
