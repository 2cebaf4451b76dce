import type { ServerResponse } from "node:http";
import { Connections } from "./connections.js";
import { type IncompleteLimits, IncompleteRequests } from "./incomplete-requests.js";
import type { Handler, PortGuard } from "./listener.js";
import type { PrometheusMetrics } from "./prometheus.js";

/** Large enough for a flood of slow requests to be worth nothing, and a fraction of any server's memory. */
const INCOMPLETE_LIMITS: IncompleteLimits = { maxBytes: 64 * 1024 * 1024, maxMs: 30_000 };

/** Makes the guard of a port: bounded connections, and bounded requests that are still coming. */
export function portGuard(
  maxConnections: number,
  metrics: Pick<PrometheusMetrics, "count">,
  limits: IncompleteLimits = INCOMPLETE_LIMITS,
): PortGuard {
  const count = (reason: string) => metrics.count("tokens_cut_off_total", { reason });
  const connections = new Connections(maxConnections, () => count("connections"));
  const incomplete = new IncompleteRequests(limits, count);
  const guard: PortGuard["guard"] = (handler) => (request, response) => {
    const connection = connections.of(request.socket);
    incomplete.follow(request, response, () => {
      if (!connection) return;
      onHandOver(response, connections.beginAnswer(connection));
    });
    handler(request, response);
  };
  return { connections, guard, close: () => incomplete.close() };
}

/**
 * Tells of each part of an answer that goes out, and when its client is gone. When all of it has arrived would be too late:
 * that is up to the client.
 */
function onHandOver(response: Parameters<Handler>[1], handOver: () => void): void {
  // Both response classes take these calls, but TypeScript cannot call a method of a union of them.
  const out = response as ServerResponse;
  const telling =
    <Given extends unknown[], Result>(call: (...given: Given) => Result) =>
    (...given: Given): Result => {
      handOver();
      return call.apply(out, given);
    };
  out.writeHead = telling(out.writeHead) as typeof out.writeHead;
  out.write = telling(out.write) as typeof out.write;
  out.once("close", handOver);
}
