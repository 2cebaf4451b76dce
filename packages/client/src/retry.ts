import { MintError } from "./errors.js";
import { GRPC } from "./grpc-code.js";

const FIRST_DELAY_MS = 200;
const GROWTH = 1.5;
/** A timer of Node's cannot wait for longer, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** When a call is given up. */
export interface RetryBudget {
  /** For all attempts together, in milliseconds. Also the longest wait between two. */
  readonly timeoutMs: number;
  /** How many attempts at most. Default: as many as there is time for. */
  readonly attempts?: number;
  /** Gives up at once. */
  readonly signal?: AbortSignal;
  /** Hears of each failure after which there is another attempt, and how long it waits for it. */
  readonly onRetry?: (error: MintError, delayMs: number) => void;
  /** Monotonic milliseconds. Default: the system's clock. */
  readonly monotonicClock?: () => number;
}

/** How long to wait before each further attempt, in milliseconds: 200, and half as much again each time. */
export function* retryDelays(longestMs: number): Generator<number, never> {
  for (let delay = FIRST_DELAY_MS; ; delay *= GROWTH) yield Math.min(delay, longestMs);
}

/**
 * Repeats an attempt while it fails with a MintError UNAVAILABLE, within the budget. Each attempt gets a signal that ends
 * it with the budget, and the milliseconds that are left. Rejects with the error that is not worth repeating or that came
 * last, or with gRPC code 4 when the time is up, or 1 when the signal said so.
 */
export async function retry<T>(
  attempt: (signal: AbortSignal, leftMs: number) => Promise<T>,
  budget: RetryBudget,
): Promise<T> {
  const { timeoutMs, attempts = Infinity, signal, onRetry } = budget;
  const { monotonicClock = performance.now.bind(performance) } = budget;
  const end = monotonicClock() + timeoutMs;
  const timer = AbortSignal.timeout(Math.ceil(Math.min(LONGEST_TIMER_MS, Math.max(0, timeoutMs))));
  const stop = signal ? AbortSignal.any([timer, signal]) : timer;
  let last: unknown;
  let count = 0;
  for (const delay of retryDelays(timeoutMs)) {
    if (stop.aborted) break;
    try {
      return await attempt(stop, end - monotonicClock());
    } catch (error) {
      if (!(error instanceof MintError) || error.code !== "UNAVAILABLE") throw error;
      if (stop.aborted) break;
      if (++count >= attempts) throw error;
      last = error;
      onRetry?.(error, delay);
    }
    await sleep(delay, stop);
  }
  throw givenUp(signal?.aborted === true, last);
}

function givenUp(interrupted: boolean, cause: unknown): MintError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return interrupted
    ? new MintError("UNAVAILABLE", `interrupted${why}`, { grpcCode: GRPC.cancelled, cause })
    : new MintError("UNAVAILABLE", `the time is up${why}`, { grpcCode: GRPC.deadlineExceeded, cause });
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
