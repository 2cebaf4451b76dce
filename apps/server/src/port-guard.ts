import type { IncomingMessage, ServerResponse } from "node:http";
import { type Connection, Connections } from "./connections.js";
import { follow, type Follower } from "./followed-exchange.js";
import { type Incomplete, type IncompleteLimits, IncompleteRequests } from "./incomplete-requests.js";
import type { Handler, PortGuard } from "./listener.js";
import type { PrometheusMetrics } from "./prometheus.js";

type Request = Parameters<Handler>[0];
type Response = Parameters<Handler>[1];

/** Large enough for a flood of slow requests to be worth nothing, and a fraction of any server's memory. */
const INCOMPLETE_LIMITS: IncompleteLimits = { maxBytes: 64 * 1024 * 1024, maxMs: 30_000 };

/** How long a client has to read the answer to a request that it has not sent to its end, in milliseconds. */
const LINGER_MS = 1_000;

/** Makes the guard of a port: bounded connections, and bounded requests that are still coming. */
export function portGuard(
  maxConnections: number,
  metrics: Pick<PrometheusMetrics, "count">,
  limits: IncompleteLimits = INCOMPLETE_LIMITS,
): PortGuard {
  const count = (reason: string) => metrics.count("tokens_cut_off_total", { reason });
  const connections = new Connections(maxConnections, () => count("connections"));
  const requests = new IncompleteRequests(limits, count);
  const guard: PortGuard["guard"] = (handler) => (request, response) => {
    const exchange = new GuardedExchange(request, response, requests, connections);
    follow(request, response, exchange);
    // Both classes of requests and of answers take this, but TypeScript cannot call a method of a union of them.
    (request as IncomingMessage).on("end", () => exchange.onEnd());
    (response as ServerResponse).on("close", () => exchange.onClose());
    handler(request, response);
  };
  return { connections, guard, close: () => requests.close() };
}

/** A request from its headers on, and its answer until its client is gone or has all of it. */
class GuardedExchange implements Follower {
  readonly #request: Request;
  readonly #response: Response;
  readonly #requests: IncompleteRequests;
  readonly #connections: Connections;
  readonly #connection: Connection | undefined;
  /** As long as the request is coming. */
  #incomplete: Incomplete | undefined;
  #handOver: (() => void) | undefined = undefined;
  #isLeaving = false;

  constructor(request: Request, response: Response, requests: IncompleteRequests, connections: Connections) {
    this.#request = request;
    this.#response = response;
    this.#requests = requests;
    this.#connections = connections;
    this.#connection = connections.of(request.socket);
    this.#incomplete = requests.begin(request);
    if (!this.#incomplete) this.#beginAnswer();
  }

  onBytes(bytes: number): void {
    if (this.#incomplete) this.#requests.receive(this.#incomplete, bytes);
  }

  /** All of the request was here, and somebody has read it: until then it takes memory. */
  onEnd(): void {
    // A stream of HTTP/2 that was cut off ends, too.
    const wasComing = this.#incomplete && this.#requests.end(this.#incomplete);
    this.#incomplete = undefined;
    if (!wasComing) return;
    this.#beginAnswer();
    // The answer was not held up by the rest of the request: it is the client's turn as before.
    if (this.#isLeaving) this.#handOver?.();
  }

  /** When all of an answer has arrived would be too late to tell: that is up to the client. */
  onHandOver(): void {
    if (this.#handOver) this.#handOver();
    else if (this.#incomplete && !this.#isLeaving) this.#leaveAfterwards(this.#incomplete);
  }

  onClose(): void {
    if (this.#incomplete) this.#requests.end(this.#incomplete);
    this.#incomplete = undefined;
    this.#handOver?.();
  }

  #beginAnswer(): void {
    if (this.#connection) this.#handOver = this.#connections.beginAnswer(this.#connection);
  }

  /** The answer goes out and the request is still coming, because it is too large: nobody has to read the rest. */
  #leaveAfterwards({ cutOff }: Incomplete): void {
    this.#isLeaving = true;
    (this.#response as ServerResponse).once("finish", () => {
      if (this.#request.complete) return;
      setTimeout(() => {
        if (!this.#request.complete) cutOff();
      }, LINGER_MS).unref();
    });
  }
}
