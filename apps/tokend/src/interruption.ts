import type { RunLog } from "./log.js";

/** What ends a run early. */
export interface Interruption {
  /** Asking for it begins to listen. */
  readonly signal: AbortSignal;
}

/**
 * The first SIGINT or SIGTERM ends what a run waits for, so that it can still report; the second ends the process. It
 * listens from when somebody first asks for its signal: most runs wait for nothing.
 */
export function interruption(log: RunLog): Interruption {
  let signal: AbortSignal | undefined;
  return {
    get signal() {
      signal ??= listen(log);
      return signal;
    },
  };
}

function listen(log: RunLog): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) {
        process.stderr.write(`got ${signal} again, exiting now\n`);
        process.exit(1);
      }
      log.log("warning", `got ${signal}, stopping`);
      controller.abort();
    });
  }
  return controller.signal;
}
