import type { Authentication } from "./authenticate.js";
import { PermissionDenied, type TokenRejectedCode } from "./errors.js";

/** What a request that is not let in gets. */
export interface RefusedAnswer {
  readonly status: 401 | 403 | 503;
  readonly headers: Readonly<Record<string, string>>;
  /** For people; says nothing that a stranger could use. */
  readonly text: string;
}

/** How long a client should wait before it tries again when nobody can tell, in seconds. */
const RETRY_AFTER_SECONDS = 5;

/** Refusals that may come from a clock that is wrong: the answer says what time it is here. */
const CLOCK_CODES: ReadonlySet<TokenRejectedCode | "PERMISSION_DENIED"> = new Set(["NOT_YET_VALID", "EXPIRED"]);

const CHALLENGE = 'MachineToken realm="machines"';

/** The answer to a request that is not let in; `nowMs` in Unix milliseconds. The code tells an operator enough. */
export function refusedAnswer(
  authentication: Exclude<Authentication, { status: "confirmed" }>,
  nowMs: number,
): RefusedAnswer {
  if (authentication.status === "unavailable") {
    return {
      status: 503,
      headers: { "retry-after": String(RETRY_AFTER_SECONDS) },
      text: "tokens cannot be checked now",
    };
  }
  if (authentication.status === "absent") {
    return { status: 401, headers: { "www-authenticate": CHALLENGE }, text: "a machine token is required" };
  }
  const { error } = authentication;
  if (error instanceof PermissionDenied) return { status: 403, headers: {}, text: "permission denied" };
  const time = CLOCK_CODES.has(error.code) ? `, time="${new Date(nowMs).toISOString()}"` : "";
  const challenge = `${CHALLENGE}, error="${error.code}"${time}`;
  return { status: 401, headers: { "www-authenticate": challenge }, text: "a good machine token is required" };
}
