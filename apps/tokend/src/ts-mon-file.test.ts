import { describe, expect, it } from "vitest";
import { metricsTarget, serializeMetrics } from "./ts-mon-file.js";

describe("metricsTarget", () => {
  it.each([
    ["", { kind: "none" }],
    ["none", { kind: "none" }],
    ["file:///var/lib/metrics.json", { kind: "file", path: "/var/lib/metrics.json" }],
    ["file://metrics.json", { kind: "file", path: "metrics.json" }],
  ])("reads %j", (endpoint, target) => expect(metricsTarget(endpoint)).toEqual(target));

  it.each(["https://example.com/metrics", "pubsub://a/b", "metrics.json", "file://"])(
    "cannot do with %s",
    (endpoint) => {
      expect(metricsTarget(endpoint)).toMatchObject({
        kind: "unsupported",
        message: expect.stringContaining("file://PATH") as string,
      });
    },
  );
});

describe("serializeMetrics", () => {
  const report = { startedMs: 1_000_000, endedMs: 1_000_250, token: {} };

  it("has LUCI's nine metrics, times in microseconds", () => {
    const text = serializeMetrics({
      ...report,
      rpcMs: 12.3456,
      serviceVersion: "app/1",
      outcome: "UPDATE_SUCCESS",
      reason: "NEW_TOKEN",
      token: { expiry: 1_795_497_038, last_update: 1_795_493_438, next_update: 1_795_495_238 },
    });
    expect(JSON.parse(text)).toEqual({
      "luci/machine_tokend/version": "1.3",
      "luci/machine_tokend/service_version": "app/1",
      "luci/machine_tokend/token_expiry_ts": 1_795_497_038_000_000,
      "luci/machine_tokend/last_update_ts": 1_795_493_438_000_000,
      "luci/machine_tokend/next_update_ts": 1_795_495_238_000_000,
      "luci/machine_tokend/update_outcome": "UPDATE_SUCCESS",
      "luci/machine_tokend/update_reason": "NEW_TOKEN",
      "luci/machine_tokend/duration_total_us": 250_000,
      "luci/machine_tokend/duration_rpc_us": 12_346,
    });
  });

  it("leaves out what a run without a token does not have", () => {
    expect(Object.keys(JSON.parse(serializeMetrics({ ...report, outcome: "CANT_READ_KEY" })) as object)).toEqual([
      "luci/machine_tokend/version",
      "luci/machine_tokend/update_outcome",
      "luci/machine_tokend/update_reason",
      "luci/machine_tokend/duration_total_us",
      "luci/machine_tokend/duration_rpc_us",
    ]);
  });
});
