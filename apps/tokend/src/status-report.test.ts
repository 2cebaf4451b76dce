import { expect, it } from "vitest";
import { serializeStatus } from "./status-report.js";

it("has its keys in order, and only those with a value", () => {
  const text = serializeStatus(
    {
      startedMs: 1_500,
      endedMs: 2_000,
      rpcMs: 250.5,
      serviceVersion: "v/1",
      outcome: "UPDATE_SUCCESS",
      reason: "NEW_TOKEN",
      token: { last_update: 1, next_update: 2, expiry: 3 },
    },
    "\nDUMP LOG:\n  info: <x>\n",
  );
  expect(JSON.parse(text)).toEqual({
    tokend_version: "1.3",
    service_version: "v/1",
    started_ts: 1,
    total_duration_us: 500_000,
    rpc_duration_us: 250_500,
    update_outcome: "UPDATE_SUCCESS",
    update_reason: "NEW_TOKEN",
    log_dump: "\nDUMP LOG:\n  info: <x>\n",
    token_last_update_ts: 1,
    token_next_update_ts: 2,
    token_expiry_ts: 3,
  });
  expect(text).toContain("\\u003cx\\u003e");
  expect(text.startsWith('{\n  "tokend_version": "1.3",\n  "service_version"')).toBe(true);
});

it("leaves out what is not known, but never the log", () => {
  expect(JSON.parse(serializeStatus({ startedMs: 1_000, endedMs: 1_000, token: {} }, ""))).toEqual({
    tokend_version: "1.3",
    started_ts: 1,
    log_dump: "",
  });
});
