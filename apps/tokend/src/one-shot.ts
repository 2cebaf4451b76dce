import { writeAtomically } from "./atomic-write.js";
import type { Flags } from "./flags.js";
import type { RunLog } from "./log.js";
import { refreshToken, type Surroundings, writeOptions } from "./refresh-token.js";
import { type RunReport, serializeStatus } from "./status-report.js";
import { metricsTarget, serializeMetrics } from "./ts-mon-file.js";

/** What comes after a run may take this long each, in milliseconds; it is not bound by the run's deadline. */
const REPORT_MS = 10_000;

/** A run that is over. */
export interface FinishedRun {
  /** There is a good token, and all copies of it. */
  readonly isGood: boolean;
  readonly report: RunReport;
}

/** One run: refreshes the token if it has to be, and reports. What goes wrong with the reports does not count. */
export async function runOnce(flags: Flags, surroundings: Surroundings): Promise<FinishedRun> {
  const { log, clock } = surroundings;
  if (flags.ignored.length > 0) log.log("info", `ignored flags: ${flags.ignored.map((name) => `-${name}`).join(", ")}`);
  const started: RunReport = { startedMs: clock(), endedMs: 0, token: {} };
  const isGood = await refreshToken(flags, started, surroundings);
  const report = { ...started, endedMs: clock() };
  await writeMetrics(flags, report, log);
  if (flags.statusFile !== "") {
    await writeReport(flags, "status file", flags.statusFile, () => serializeStatus(report, log.dump()), log);
  }
  return { isGood, report };
}

async function writeMetrics(flags: Flags, report: RunReport, log: RunLog): Promise<void> {
  const target = metricsTarget(flags.metricsEndpoint);
  if (target.kind === "unsupported") log.log("warning", target.message);
  if (target.kind === "file") await writeReport(flags, "metrics", target.path, () => serializeMetrics(report), log);
}

/** A failure is only logged. */
export async function writeReport(
  flags: Flags,
  what: string,
  path: string,
  text: () => string,
  log: RunLog,
): Promise<void> {
  try {
    await writeAtomically(path, text(), writeOptions(flags, AbortSignal.timeout(REPORT_MS), log));
  } catch (error) {
    log.log("error", `cannot write the ${what}: ${(error as Error).message}`);
  }
}
