import { expect, it } from "vitest";
import { systemClock } from "./system-clock.js";

it("systemClock reads both clocks", () => {
  const [wallMs, monotonicMs] = [Date.now(), performance.now()];
  const now = systemClock();
  expect(now.monotonicMs).toBeGreaterThanOrEqual(monotonicMs);
  expect(Math.abs(now.wallMs - wallMs)).toBeLessThan(60_000);
});
