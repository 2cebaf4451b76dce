import { COUNTERS, GAUGES, HISTOGRAMS } from "@tokens/minter";
import { expect, it } from "vitest";
import { prometheusMetrics } from "./prometheus.js";

it("renders what was measured, and every metric by its name", async () => {
  const metrics = prometheusMetrics();
  metrics.count("tokens_minted_total", { kind: "machine" });
  metrics.count("tokens_minted_total", { kind: "machine" }, 2);
  metrics.set("tokens_audit_waiting", 7);
  metrics.observe("tokens_audit_commit_seconds", 0.02);
  const page = await metrics.render();
  expect(page).toContain('tokens_minted_total{kind="machine"} 3\n');
  expect(page).toContain("tokens_audit_waiting 7\n");
  expect(page).toContain('tokens_audit_commit_seconds_bucket{le="0.03"} 1\n');
  for (const name of Object.keys({ ...COUNTERS, ...GAUGES, ...HISTOGRAMS })) expect(page).toContain(`# HELP ${name} `);
});

it("says when a label is none", () => {
  const metrics = prometheusMetrics();
  expect(() => metrics.count("tokens_minted_total", { nope: "x" })).toThrow(/nope/);
});
