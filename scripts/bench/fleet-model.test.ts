import { expect, it } from "vitest";
// @ts-expect-error -- a script without types
import { playFleet, summary } from "./fleet-model.mjs";

const MACHINES = 5_000;
const fleet = { machines: MACHINES, lifetimeSeconds: 3600, seconds: 2 * 3600, mintsPerSecond: 100 };

it("keeps every machine's token fresh, its calls spread evenly", () => {
  const { meanMints, peakAttempts, shareWithout } = summary(playFleet(fleet));
  expect(shareWithout).toBe(0);
  // Half of an hour less up to a tenth of it: every 24 to 30 minutes.
  expect(meanMints).toBeGreaterThan(MACHINES / 1800);
  expect(meanMints).toBeLessThan(MACHINES / 1440);
  // Chance alone: so many calls come by accident in the worst of 7,200 seconds.
  expect(peakAttempts).toBeLessThan(meanMints + 8 * Math.sqrt(meanMints));
});

it("outlives half an hour without servers: nobody is without a token when they are strong enough afterwards", () => {
  const outage = { from: 1800, until: 3600 };
  const strong = summary(playFleet({ ...fleet, outage }));
  expect(strong.shareWithout).toBeLessThan(0.01);
  const weak = summary(playFleet({ ...fleet, outage, mintsPerSecond: 5 }));
  expect(weak.shareWithout).toBeGreaterThan(strong.shareWithout);
});

it("comes back from new images at the speed of its servers, and then as quietly as before", () => {
  const reimage = { from: 1800, until: 1860 };
  const play = playFleet({ ...fleet, reimage });
  expect(summary(play).shareWithout).toBeLessThanOrEqual(1);
  const tail = play.attempts.slice(5400);
  expect(Math.max(...tail)).toBeLessThan(50);
  expect(play.withoutMs.every((ms: number) => ms < 10 * 60_000)).toBe(true);
});

it("plays the same twice", () => {
  const small = { ...fleet, machines: 200, outage: { from: 600, until: 1200 } };
  expect(summary(playFleet(small))).toEqual(summary(playFleet(small)));
});
