import type { ConnectRouterOptions } from "@connectrpc/connect";
import type { IdentifyCaller } from "../access/identify-caller.js";
import { admitCalls } from "./admit-calls.js";
import { answerErrors, type ErrorReports } from "./answer-errors.js";
import { authenticateCaller } from "./authenticate-caller.js";
import { type CallLimits, DEFAULT_CALL_LIMITS } from "./call-queue.js";
import { clampDeadline } from "./clamp-deadline.js";
import { MAX_CALL_MS, MAX_REQUEST_BYTES } from "./limits.js";
import type { Rate } from "./rate-limit.js";
import { type AdminPolicy, requireAdmin } from "./require-admin.js";

/** What stands before every handler. */
export interface RouterParts extends ErrorReports {
  readonly identify: IdentifyCaller;
  readonly policy: () => AdminPolicy;
  readonly calls: Partial<CallLimits> | undefined;
  /** How often one peer address may call. */
  readonly perAddress: Rate | undefined;
  /** Unix milliseconds. */
  readonly clock: () => number;
  /** Milliseconds, of a clock that nobody sets. */
  readonly monotonic: () => number;
}

/** How an adapter must run the RPCs. Errors are answered outermost, so that whatever goes wrong further in is answered alike. */
export function routerOptions(parts: RouterParts): ConnectRouterOptions {
  const { identify, policy, recorder, metrics, calls, perAddress, clock, monotonic, serviceVersion } = parts;
  const limits = { ...DEFAULT_CALL_LIMITS, ...calls };
  return {
    acceptCompression: [],
    readMaxBytes: MAX_REQUEST_BYTES,
    interceptors: [
      answerErrors(parts),
      admitCalls({ limits, perAddress, metrics, clock: monotonic }),
      clampDeadline(MAX_CALL_MS),
      authenticateCaller(identify, clock),
      requireAdmin(policy, recorder, serviceVersion),
    ],
  };
}
