import { UsageError } from "./exit-code.js";

/** Milliseconds of hours, minutes and seconds, the parts of a duration. */
const UNITS_MS = [3_600_000, 60_000, 1_000];

/** Reads a duration such as `30s`, `10m` or `1h30m`, in milliseconds. Throws a UsageError that names the setting. */
export function parseDuration(text: string, setting: string): number {
  const parts = /^(?=.)(?:(\d{1,7})h)?(?:(\d{1,8})m)?(?:(\d{1,9})s)?$/.exec(text)?.slice(1);
  if (!parts) {
    throw new UsageError(`${setting} must be a duration like 30s, 10m or 1h30m, and not ${JSON.stringify(text)}`);
  }
  return parts.reduce((sum, part, index) => sum + Number(part ?? 0) * (UNITS_MS[index] ?? 0), 0);
}
