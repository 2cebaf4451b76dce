/** Waits for what cannot be stopped no longer than until the signal aborts. It may end later, in whatever way. */
export function beforeAbort<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((done, fail) => {
    const stop = () => fail(new Error("the time is up"));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    promise.then(done, fail).finally(() => signal.removeEventListener("abort", stop));
  });
}
