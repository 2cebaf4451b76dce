import type { IncomingMessage } from "node:http";
import { constants, type Http2ServerRequest } from "node:http2";

type Request = IncomingMessage | Http2ServerRequest;

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

/** A request whose body is still coming. */
export interface Incomplete {
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

  /** The headers of a request are here; undefined if that is all of it. */
  begin(request: Request): Incomplete | undefined {
    if (hasNoBody(request)) return undefined;
    const incomplete = { cutOff: cutterOf(request), bytes: 0, sinceMs: this.#clock() };
    this.#coming.add(incomplete);
    return incomplete;
  }

  receive(incomplete: Incomplete, bytes: number): void {
    if (!this.#coming.has(incomplete)) return;
    incomplete.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.#limits.maxBytes) this.#cutOffOldest("incomplete_bytes");
  }

  /** Nothing more of a request will come. Returns whether it was not over before. */
  end(incomplete: Incomplete): boolean {
    const wasComing = this.#coming.delete(incomplete);
    if (wasComing) this.#bytes -= incomplete.bytes;
    return wasComing;
  }

  #cutOffOldest(reason: CutOffReason): void {
    const [oldest] = this.#coming;
    if (!oldest) return;
    this.end(oldest);
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
