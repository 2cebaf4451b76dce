import type { TokenFile } from "@tokens/client/token-file";
import { STATE_VERSION } from "./tokend-state.js";

/** How a run ended: two good outcomes, and what can go wrong. */
export type Outcome =
  | "TOKEN_IS_GOOD"
  | "UPDATE_SUCCESS"
  | "CANT_READ_KEY"
  | "MALFORMED_RESPONSE"
  | "UNKNOWN_RPC_ERROR"
  | "SAVE_TOKEN_PERM_ERROR"
  | "UNKNOWN_SAVE_TOKEN_ERROR"
  | `GRPC_ERROR_${number}`
  | `MINT_TOKEN_ERROR_${string}`;

/** Why a run did what it did. */
export type Reason =
  "TOKEN_IS_GOOD" | "NEW_TOKEN" | "TOKEN_EXPIRES" | "PARAMS_CHANGE" | "MISSING_TOKEN_COPY" | "FORCE_REFRESH";

/** What is known about a run. */
export interface RunReport {
  readonly startedMs: number;
  readonly endedMs: number;
  /** Wall time of the RPC with all its attempts. */
  rpcMs?: number;
  serviceVersion?: string;
  outcome?: Outcome;
  reason?: Reason;
  failure?: string;
  /** The last token known: the old one when the refresh failed. */
  token: TokenFile;
}

/** The text of the status file: keys in this order, those without a value left out. */
export function serializeStatus(report: RunReport, logDump: string): string {
  const { token } = report;
  const optional = (key: string, value: string | number | undefined) =>
    value === undefined || value === "" || value === 0 ? {} : { [key]: value };
  const status = {
    tokend_version: STATE_VERSION,
    ...optional("service_version", report.serviceVersion),
    started_ts: Math.floor(report.startedMs / 1000),
    ...optional("total_duration_us", Math.round((report.endedMs - report.startedMs) * 1000)),
    ...optional("rpc_duration_us", Math.round((report.rpcMs ?? 0) * 1000)),
    ...optional("update_outcome", report.outcome),
    ...optional("update_reason", report.reason),
    ...optional("failure_error", report.failure),
    log_dump: logDump,
    ...optional("token_last_update_ts", token.last_update),
    ...optional("token_next_update_ts", token.next_update),
    ...optional("token_expiry_ts", token.expiry),
  };
  return escapeAsGo(JSON.stringify(status, undefined, 2));
}

/** Go's encoder keeps JSON safe inside of HTML. */
function escapeAsGo(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
