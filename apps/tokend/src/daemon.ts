import { hostname } from "node:os";
import { splayOf } from "@tokens/client/schedule";
import type { DaemonFlags } from "./daemon-flags.js";
import { serveHealth } from "./health-server.js";
import { Keeper } from "./keeper.js";
import { RunLog } from "./log.js";
import { monotonicMs } from "./monotonic-clock.js";
import { runOnce, writeReport } from "./one-shot.js";
import { prometheusText } from "./prometheus.js";
import { runRenewalHooks } from "./renewal-hooks.js";
import { type Notify, systemdNotify } from "./systemd.js";

/** Each run logs anew: its status file tells of that run alone, and the daemon keeps no lines for ever. */
const newLog = () => new RunLog((line) => process.stderr.write(line), process.pid, Date.now);
const warn = (message: string) => newLog().log("warning", message);

/** Keeps the token fresh until SIGTERM or SIGINT. Resolves with the exit code. */
export async function runDaemon({ flags, hooks, health, metricsFile }: DaemonFlags): Promise<number> {
  const notify = systemdNotify(process.env, warn);
  const stop = stopSignal(notify);
  const keeper = new Keeper({
    // One attempt: a fleet that tries again in step would keep a server down.
    run: (isDue) =>
      runOnce(flags, { log: newLog(), interruption: { signal: stop }, clock: Date.now, attempts: 1, isDue }),
    clock: () => ({ wallMs: Date.now(), monotonicMs: monotonicMs() }),
    random: Math.random,
    splay: splayOf(hostname()),
  });
  const server = health && (await serveHealth(keeper, health, flags));
  const wake = wakeSignal(stop);
  let isReady = false;
  while (!stop.aborted) {
    const renewed = await keeper.tick();
    if (metricsFile !== "") await writeReport(flags, "metrics", metricsFile, () => prometheusText(keeper), newLog());
    if (renewed) await runRenewalHooks(hooks, { file: flags.tokenFile, expiry: renewed.expiry ?? 0 }, warn);
    const usable = keeper.usableToken();
    const expiry = usable ? `token until ${new Date((usable.expiry ?? 0) * 1000).toISOString()}` : "no usable token";
    notify(...(usable && !isReady ? ["READY=1"] : []), "WATCHDOG=1", `STATUS=${expiry}`);
    isReady ||= usable !== undefined;
    await wake(keeper.waitMs());
  }
  server?.close();
  server?.closeAllConnections();
  return 0;
}

function stopSignal(notify: Notify): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(1);
      newLog().log("info", `got ${signal}, stopping`);
      notify("STOPPING=1");
      controller.abort();
    });
  }
  return controller.signal;
}

/** A sleep that ends early with SIGHUP, one that came during a run included, and with the daemon. */
function wakeSignal(stop: AbortSignal): (ms: number) => Promise<void> {
  let isAwake = false;
  let wake = () => undefined as void;
  process.on("SIGHUP", () => {
    isAwake = true;
    wake();
  });
  stop.addEventListener("abort", () => wake());
  return async (ms) => {
    if (!isAwake && !stop.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    isAwake = false;
  };
}
