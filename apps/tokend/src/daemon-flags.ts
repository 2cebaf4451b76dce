import {
  type FlagDefinition,
  type FlagDefinitions,
  parseFlags,
  type ParsedFlags,
  usage,
  wrong,
} from "./flag-parser.js";
import { type Flags, KEEP_FLAGS, MONITORING_FLAGS, toFlags } from "./flags.js";
import { type HealthAddress, parseHealthAddress } from "./health-server.js";
import { parseRenewalSignal, type RenewalHooks } from "./renewal-hooks.js";

/** What the daemon was asked. */
export interface DaemonFlags {
  readonly flags: Flags;
  readonly hooks: RenewalHooks;
  readonly health: HealthAddress | undefined;
  /** Empty: no metrics are written. */
  readonly metricsFile: string;
}

const text = (meaning: string): FlagDefinition => ({ type: "string", initial: "", meaning });

const DAEMON_FLAGS: FlagDefinitions = {
  ...KEEP_FLAGS,
  timeout: { type: "duration", initial: "30s", meaning: "how long one attempt may take" },
  "health-listen": text("HOST:PORT or unix:PATH: serve /healthz, /readyz and /metrics, on a Unix socket also /token"),
  "metrics-file": text("where to keep Prometheus metrics, for the textfile collector"),
  "renew-command": text("shell command to run after each renewal; TOKEND_TOKEN_FILE says where the token is"),
  "renew-signal": text("SIGNAL:PIDFILE: signal to send after each renewal, for example SIGHUP:/run/app.pid"),
  ...MONITORING_FLAGS,
};

/** Reads the command line of `tokend run`, without that word. */
export function parseDaemonFlags(args: readonly string[]): ParsedFlags<DaemonFlags> {
  const parsed = parseFlags(args, DAEMON_FLAGS);
  if (parsed.kind !== "run") return parsed;
  const values = parsed.flags;
  const common = toFlags(values);
  if (common.kind !== "run") return common;
  const [listen, signalText] = [values.text("health-listen"), values.text("renew-signal")];
  const health = parseHealthAddress(listen);
  if (listen !== "" && !health) return wrong("-health-listen must be HOST:PORT or unix:PATH");
  const signal = parseRenewalSignal(signalText);
  if (signalText !== "" && !signal) return wrong("-renew-signal must be like SIGHUP:/run/app.pid");
  const hooks = { command: values.text("renew-command"), signal };
  return { kind: "run", flags: { flags: common.flags, hooks, health, metricsFile: values.text("metrics-file") } };
}

/** The help text. */
export function daemonUsage(): string {
  const headline = `Usage of tokend run: stays, and keeps a machine's token fresh by itself. SIGHUP makes it look at once
whether the key, the certificate or the token file changed; SIGTERM ends it.`;
  return usage(headline, DAEMON_FLAGS);
}
