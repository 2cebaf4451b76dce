/** Monotonic milliseconds. `performance` has them too, but Node loads it at its first use: a millisecond of a short run. */
export const monotonicMs = (): number => process.uptime() * 1000;
