import type { TokenFile } from "@tokens/client/token-file";
import type { Keeper } from "./keeper.js";

/** The state of a keeper in Prometheus' text format, for an endpoint or node_exporter's textfile collector. */
export function prometheusText(keeper: Keeper): string {
  const { outcomes, last } = keeper.history;
  const token: TokenFile = last?.token ?? {};
  const gauge = (name: string, help: string, value: number) =>
    `# HELP tokend_${name} ${help}\n# TYPE tokend_${name} gauge\ntokend_${name} ${value}\n`;
  const runs = [...outcomes].map(([outcome, count]) => `tokend_runs_total{outcome="${outcome}"} ${count}\n`);
  return [
    gauge("token_usable", "1 while there is a token that can be used.", keeper.usableToken() ? 1 : 0),
    gauge("token_expiry_timestamp_seconds", "When the token expires.", token.expiry ?? 0),
    gauge("token_last_update_timestamp_seconds", "When the token was got.", token.last_update ?? 0),
    gauge("last_run_timestamp_seconds", "When the last run ended.", (last?.endedMs ?? 0) / 1000),
    gauge("last_rpc_duration_seconds", "How long the last call took; 0 without one.", (last?.rpcMs ?? 0) / 1000),
    `# HELP tokend_runs_total Runs by the way they ended.\n# TYPE tokend_runs_total counter\n${runs.join("")}`,
  ].join("");
}
