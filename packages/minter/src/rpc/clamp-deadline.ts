import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { Deadlines } from "../deadlines.js";

const timeUp = () => new ConnectError("the call took too long", Code.DeadlineExceeded);

/**
 * Ends a call after `maxMs` milliseconds. A caller may announce a longer deadline, it is only not waited for: refusing
 * such calls would refuse agents whose deadline covers all their attempts.
 */
export function clampDeadline(maxMs: number): Interceptor {
  const deadlines = new Deadlines(maxMs);
  return (next) => (request) => deadlines.limit(next(request), timeUp);
}
