import { noRecorder } from "../src/audit/recorder.js";
import { noMetrics } from "../src/metrics.js";
import type { ErrorReports } from "../src/rpc/answer-errors.js";

/** A log that nobody reads. */
export const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Reports that go nowhere, but for those that a test wants to see. */
export function reports(wanted: Partial<ErrorReports> = {}): ErrorReports {
  return { log: silent, metrics: noMetrics, recorder: noRecorder, serviceVersion: "app/1", ...wanted };
}
