import { UsageError } from "./exit-code.js";

/** Reads a time as RFC 3339 writes it, in Unix milliseconds; `option` is named when it is none. */
export function parseTime(text: string, option: string): number {
  const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
  const time = rfc3339.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new UsageError(`--${option} must be a time like 2026-06-01T12:00:00Z, and not ${JSON.stringify(text)}`);
}

/** Writes a time in Unix milliseconds as RFC 3339, in UTC. */
export function formatTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(".000Z", "Z");
}
