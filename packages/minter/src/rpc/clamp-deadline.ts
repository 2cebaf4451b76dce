import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";

/**
 * Ends a call after `maxMs` milliseconds. A caller may announce a longer deadline, it is only not waited for: refusing
 * such calls would refuse agents whose deadline covers all their attempts.
 */
export function clampDeadline(maxMs: number): Interceptor {
  return (next) => (request) =>
    new Promise((resolve, reject) => {
      const giveUp = () => reject(new ConnectError("the call took too long", Code.DeadlineExceeded));
      const timer = setTimeout(giveUp, maxMs);
      next(request).then(
        (response) => {
          clearTimeout(timer);
          resolve(response);
        },
        (error: Error) => {
          clearTimeout(timer);
          reject(error);
        },
      );
    });
}
