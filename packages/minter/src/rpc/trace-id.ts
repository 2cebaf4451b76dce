/** What stands for a request that belongs to no trace. */
const NO_TRACE = "0".repeat(32);

/** The trace that a request belongs to: 32 hex digits of its `traceparent` header (W3C Trace Context §3.2.2.3), or zeros. */
export function traceIdOf(headers: Headers): string {
  return /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-/.exec(headers.get("traceparent") ?? "")?.[1] ?? NO_TRACE;
}
