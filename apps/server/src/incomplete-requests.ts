import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { countBytes } from "./counted-request.js";

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

/** What requests may hold while they are still coming. */
export interface IncompleteLimits {
  /** What all of them may amount to, in bytes. */
  readonly maxBytes: number;
  /** How long one may take, in milliseconds. */
  readonly maxMs: number;
}

/** Why a request was cut off. */
export type CutOffReason = "incomplete_bytes" | "too_slow";

const SWEEP_MS = 1_000;
/** How long a client has to read the answer to a request that it has not sent to its end, in milliseconds. */
const LINGER_MS = 1_000;

interface Incomplete {
  readonly cutOff: () => void;
  /** How much of it is here. */
  bytes: number;
  readonly sinceMs: number;
}

/**
 * The requests whose bodies are still coming, with a bound on what they may amount to together and how long each may take.
 * Beyond it the oldest is cut off: a request that is sent without delay is never among the oldest for long. Those that
 * have sent little hold little, and are left until their time is over.
 */
export class IncompleteRequests {
  readonly #limits: IncompleteLimits;
  readonly #onCutOff: (reason: CutOffReason) => void;
  readonly #clock: () => number;
  readonly #coming = new Set<Incomplete>();
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;

  constructor(
    limits: IncompleteLimits,
    onCutOff: (reason: CutOffReason) => void,
    clock: () => number = performance.now.bind(performance),
  ) {
    this.#limits = limits;
    this.#onCutOff = onCutOff;
    this.#clock = clock;
    this.#timer = setInterval(() => this.#cutOffLate(), SWEEP_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Follows a request from its headers on; tells when all of it is here. */
  follow(request: Request, response: Response, onComplete: () => void): void {
    if (hasNoBody(request)) return onComplete();
    const incomplete = { cutOff: cutterOf(request), bytes: 0, sinceMs: this.#clock() };
    this.#coming.add(incomplete);
    countBytes(request, (bytes) => this.#receive(incomplete, bytes));
    const stop = () => this.#forget(incomplete);
    (request as IncomingMessage).once("end", () => {
      // A stream of HTTP/2 that was cut off ends, too.
      if (!this.#coming.has(incomplete)) return;
      stop();
      onComplete();
    });
    (response as ServerResponse).once("close", stop).once("finish", () => hangUp(request, incomplete));
  }

  #receive(incomplete: Incomplete, bytes: number): void {
    if (!this.#coming.has(incomplete)) return;
    incomplete.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.#limits.maxBytes) this.#cutOffOldest("incomplete_bytes");
  }

  #forget(incomplete: Incomplete): void {
    if (this.#coming.delete(incomplete)) this.#bytes -= incomplete.bytes;
  }

  #cutOffOldest(reason: CutOffReason): void {
    const [oldest] = this.#coming;
    if (!oldest) return;
    this.#forget(oldest);
    this.#onCutOff(reason);
    oldest.cutOff();
  }

  #cutOffLate(): void {
    const isLate = () => {
      const [oldest] = this.#coming;
      return oldest !== undefined && this.#clock() - oldest.sinceMs > this.#limits.maxMs;
    };
    while (isLate()) this.#cutOffOldest("too_slow");
  }
}

function hasNoBody(request: Request): boolean {
  if ("stream" in request) return request.stream.endAfterHeaders;
  const { "content-length": length = "0", "transfer-encoding": encoding } = request.headers;
  return encoding === undefined && length === "0";
}

/** Of HTTP/2 only the request ends, not the connection. Asked for at the start: later a request may have lost its socket. */
function cutterOf(request: Request): () => void {
  if (!("stream" in request)) {
    const { socket } = request;
    return () => void socket.destroy();
  }
  const { stream } = request;
  return () => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
}

/** The answer is out and the request still coming, because it is too large: nobody has to read the rest. */
function hangUp(request: Request, { cutOff }: Incomplete): void {
  if (request.complete) return;
  setTimeout(() => {
    if (!request.complete) cutOff();
  }, LINGER_MS).unref();
}
