import { expect, it } from "vitest";
import { Keeper } from "./keeper.js";
import { prometheusText } from "./prometheus.js";
import type { RunReport } from "./status-report.js";

it("shows the token's times, the runs and nothing secret", async () => {
  const token = { luci_machine_token: "the-token", expiry: 7200, last_update: 3600, next_update: 5400 };
  const reports: RunReport[] = [
    { startedMs: 0, endedMs: 3_600_500, rpcMs: 250, outcome: "UPDATE_SUCCESS", token },
    { startedMs: 0, endedMs: 3_700_000, outcome: "TOKEN_IS_GOOD", token },
    { startedMs: 0, endedMs: 3_800_000, outcome: "GRPC_ERROR_16", token },
  ];
  const run = () => Promise.resolve({ isGood: true, report: reports.shift() as RunReport });
  const keeper = new Keeper({ run, clock: () => ({ wallMs: 3_600_000, monotonicMs: 0 }), random: () => 0, splay: 0 });
  expect(prometheusText(keeper)).toContain("\ntokend_token_usable 0\n");
  await keeper.tick();
  expect(prometheusText(keeper)).toContain("\ntokend_last_rpc_duration_seconds 0.25\n");
  await keeper.tick();
  await keeper.tick();
  const text = prometheusText(keeper);
  const values = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  expect(values).toEqual([
    "tokend_token_usable 1",
    "tokend_token_expiry_timestamp_seconds 7200",
    "tokend_token_last_update_timestamp_seconds 3600",
    "tokend_last_run_timestamp_seconds 3800",
    "tokend_last_rpc_duration_seconds 0",
    'tokend_runs_total{outcome="UPDATE_SUCCESS"} 1',
    'tokend_runs_total{outcome="TOKEN_IS_GOOD"} 1',
    'tokend_runs_total{outcome="GRPC_ERROR_16"} 1',
  ]);
  expect(text.match(/^# TYPE/gm)).toHaveLength(6);
  expect(text).not.toContain("the-token");
});
