import type { RunLog } from "./log.js";

/** The first signal ends what a run waits for, so that it can still report. The second ends the process. */
export function interruption(log: RunLog): AbortSignal {
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
