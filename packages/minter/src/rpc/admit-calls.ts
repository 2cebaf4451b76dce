import type { Interceptor } from "@connectrpc/connect";
import type { Metrics } from "../metrics.js";
import { type CallLimits, CallQueue } from "./call-queue.js";
import { listenerKey } from "./listener.js";
import { peerAddressKey } from "./peer.js";
import { type Rate, RateLimit } from "./rate-limit.js";
import { senderOf } from "./sender.js";

/** What admits calls. */
export interface Admission {
  readonly limits: CallLimits;
  /** What one peer address may do; undefined: as much as it likes. */
  readonly perAddress: Rate | undefined;
  readonly metrics: Metrics;
  /** Milliseconds. */
  readonly clock: () => number;
}

/**
 * Turns complete calls away early when there are more than can be answered soon. Administrators of this machine are
 * admitted always: they may have come to look after it.
 */
export function admitCalls({ limits, perAddress, metrics, clock }: Admission): Interceptor {
  const queue = new CallQueue(limits, (reason) => metrics.count("tokens_calls_shed_total", { reason }));
  const rates = perAddress && new RateLimit(perAddress, clock);
  return (next) => async (request) => {
    const { contextValues } = request;
    if (contextValues.get(listenerKey) === "admin") return next(request);
    const sender = senderOf(contextValues.get(peerAddressKey));
    takeFrom(rates, sender, metrics);
    const turn = queue.enter(sender);
    if (turn) await turn;
    try {
      return await next(request);
    } finally {
      queue.leave();
    }
  };
}

function takeFrom(rates: RateLimit | undefined, sender: string, metrics: Metrics): void {
  try {
    rates?.take(sender);
  } catch (error) {
    metrics.count("tokens_calls_shed_total", { reason: "address_rate" });
    throw error;
  }
}
