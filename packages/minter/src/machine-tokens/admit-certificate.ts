import { createHash } from "node:crypto";
import type { Certificate } from "@tokens/pki";
import type { Metrics } from "../metrics.js";
import { type Rate, RateLimit } from "../rpc/rate-limit.js";

/** Counts the requests of each certificate; throws Unavailable when one asks too often. Without a rate none does. */
export function certificateAdmission(
  rate: Rate | undefined,
  metrics: Metrics,
  clock: () => number,
): (certificate: Certificate) => void {
  if (!rate) return () => undefined;
  const rates = new RateLimit(rate, clock);
  return ({ der }) => {
    try {
      rates.take(createHash("sha256").update(der).digest("base64"));
    } catch (error) {
      metrics.count("tokens_calls_shed_total", { reason: "certificate_rate" });
      throw error;
    }
  };
}
