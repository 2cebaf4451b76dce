import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";

/**
 * Ends a call after `maxMs` milliseconds. A caller may announce a longer deadline, it is only not waited for: refusing
 * such calls would refuse agents whose deadline covers all their attempts.
 */
export function clampDeadline(maxMs: number): Interceptor {
  return (next) => async (request) => {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new ConnectError("the call took too long", Code.DeadlineExceeded)), maxMs);
    });
    try {
      return await Promise.race([next(request), tooLate]);
    } finally {
      clearTimeout(timer);
    }
  };
}
