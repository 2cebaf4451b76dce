import type { RunReport } from "./status-report.js";
import { STATE_VERSION } from "./tokend-state.js";

/** Where metrics go: a file, nowhere, or somewhere that this agent cannot send them to. */
export type MetricsTarget =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "none" }
  | { readonly kind: "unsupported"; readonly message: string };

/** Reads `-ts-mon-endpoint`. */
export function metricsTarget(endpoint: string): MetricsTarget {
  if (endpoint === "" || endpoint === "none") return { kind: "none" };
  const [, path] = /^file:\/\/(.+)$/.exec(endpoint) ?? [];
  if (path !== undefined) return { kind: "file", path };
  const scheme = /^(\w+):/.exec(endpoint)?.[1] ?? "no";
  return {
    kind: "unsupported",
    message: `no metrics are sent: -ts-mon-endpoint has ${scheme} scheme, not file://PATH`,
  };
}

/** The metrics of a run by LUCI's names, as one JSON object; those without a value are left out. */
export function serializeMetrics(report: RunReport): string {
  const { token } = report;
  const micros = (ms: number) => Math.round(ms * 1000);
  const optional = (name: string, value: string | number) =>
    value === "" || value === 0 ? {} : { [`luci/machine_tokend/${name}`]: value };
  const metrics = {
    "luci/machine_tokend/version": STATE_VERSION,
    ...optional("service_version", report.serviceVersion ?? ""),
    ...optional("token_expiry_ts", (token.expiry ?? 0) * 1e6),
    ...optional("last_update_ts", (token.last_update ?? 0) * 1e6),
    ...optional("next_update_ts", (token.next_update ?? 0) * 1e6),
    "luci/machine_tokend/update_outcome": report.outcome ?? "",
    "luci/machine_tokend/update_reason": report.reason ?? "",
    "luci/machine_tokend/duration_total_us": micros(report.endedMs - report.startedMs),
    "luci/machine_tokend/duration_rpc_us": micros(report.rpcMs ?? 0),
  };
  return `${JSON.stringify(metrics, undefined, 2)}\n`;
}
