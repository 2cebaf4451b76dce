import type { TokenServerParts } from "@tokens/minter";
import { parseDuration } from "./duration.js";
import { UsageError } from "./exit-code.js";
import type { Settings } from "./settings.js";

type LoadSettings = NonNullable<TokenServerParts["load"]>;
type Rate = NonNullable<LoadSettings["perAddress"]>;
type Given = Pick<Settings, "max-calls" | "max-waiting-calls" | "rate-limit-address" | "rate-limit-certificate">;

/** Reads how much may come at a time, and how often somebody may call. Throws a UsageError. */
export function loadSettings(settings: Given): LoadSettings {
  const [maxRunning, maxWaiting] = [Number(settings["max-calls"]), Number(settings["max-waiting-calls"])];
  const perAddress = rateOf(settings["rate-limit-address"], "rate-limit-address");
  const perCertificate = rateOf(settings["rate-limit-certificate"], "rate-limit-certificate");
  return {
    calls: { maxRunning, maxWaiting },
    ...(perAddress && { perAddress }),
    ...(perCertificate && { perCertificate }),
  };
}

function rateOf(text: string | undefined, setting: string): Rate | undefined {
  if (text === undefined) return undefined;
  const [, count, duration] = /^([1-9]\d{0,8})\/(.+)$/.exec(text) ?? [];
  if (count === undefined || duration === undefined) {
    throw new UsageError(`${setting} must be a number and a duration like 600/1m, and not ${JSON.stringify(text)}`);
  }
  const perMs = parseDuration(duration, setting);
  if (perMs === 0) throw new UsageError(`${setting}: the duration must not be 0`);
  return { count: Number(count), perMs };
}
