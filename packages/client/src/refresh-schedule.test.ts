import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  afterFailure,
  afterSuccess,
  isRefreshDue,
  isUsable,
  lifeSince,
  type Moment,
  NO_TOKEN,
  refreshAfterMs,
  type RefreshState,
  refreshWaitMs,
  splayOf,
} from "./refresh-schedule.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const T0 = Date.parse("2026-06-01T12:00:00Z");

/** Both clocks after this much time; `jump` is what somebody set the wall clock forward by. */
const at = (elapsedMs: number, jump = 0): Moment => ({ wallMs: T0 + elapsedMs + jump, monotonicMs: 5000 + elapsedMs });
const life = { obtained: at(0), expiryMs: T0 + HOUR };
const fresh = afterSuccess(life, at(0));

describe("splayOf", () => {
  it("is the same for the same host, and spreads hosts evenly", () => {
    expect(splayOf("host-1.example.com")).toBe(splayOf("host-1.example.com"));
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let host = 0; host < 10_000; host++) tenths[Math.floor(splayOf(`host-${host}`) * 10)]! += 1;
    expect(Math.min(...tenths)).toBeGreaterThan(850);
    expect(Math.max(...tenths)).toBeLessThan(1150);
  });
});

describe("a token", () => {
  it("is refreshed between two fifths and half of its life, by the host's splay", () => {
    expect(refreshAfterMs(life, 0)).toBe(30 * MINUTE);
    expect(refreshAfterMs(life, 0.999999)).toBeGreaterThan(24 * MINUTE - 1);
    expect([29, 31].map((minutes) => isRefreshDue(fresh, at(minutes * MINUTE), 0))).toEqual([false, true]);
    expect([23, 25].map((minutes) => isRefreshDue(fresh, at(minutes * MINUTE), 0.99))).toEqual([false, true]);
  });

  it("is over when either clock says so", () => {
    expect(isUsable(life, at(HOUR - 1))).toBe(true);
    expect(isUsable(life, at(HOUR))).toBe(false);
    expect(isUsable(life, at(HOUR, -HOUR))).toBe(false);
    expect(isUsable(life, at(MINUTE, HOUR))).toBe(false);
    // The monotonic clock stood still while the machine slept.
    expect(isUsable(life, { wallMs: T0 + HOUR, monotonicMs: 5000 + MINUTE })).toBe(false);
  });

  it("that lay in a file has lived since it was written", () => {
    const found = lifeSince(T0 - 20 * MINUTE, T0 + 40 * MINUTE, at(0));
    expect(refreshWaitMs({ ...NO_TOKEN, life: found }, at(10 * MINUTE - 1), 0)).toBe(1);
    expect(isUsable(found, at(40 * MINUTE, -2 * HOUR))).toBe(false);
    expect(lifeSince(T0 + HOUR, T0 + 2 * HOUR, at(0)).obtained).toEqual(at(0));
  });
});

describe("refreshWaitMs", () => {
  it("is nothing without a token, and at most a minute with one", () => {
    expect(refreshWaitMs(NO_TOKEN, at(0), 0)).toBe(0);
    expect(refreshWaitMs(fresh, at(0), 0)).toBe(MINUTE);
    expect(refreshWaitMs(fresh, at(30 * MINUTE - 10), 0)).toBe(10);
    expect(refreshWaitMs(fresh, at(30 * MINUTE), 0)).toBe(0);
  });

  it("leaves half a minute after a success, however short the token lives", () => {
    const short = afterSuccess({ obtained: at(0), expiryMs: T0 + 1000 }, at(0));
    expect(refreshWaitMs(short, at(1000), 0)).toBe(29_000);
    expect(refreshWaitMs(short, at(30_000), 0)).toBe(0);
  });

  it.each([-HOUR, HOUR, -24 * HOUR, 24 * HOUR])("does not loop when the clock jumps by %i ms", (jump) => {
    const again = afterSuccess(life, at(MINUTE, jump));
    expect(refreshWaitMs(again, at(MINUTE + 1, jump), 0)).toBeGreaterThan(29_000);
  });

  it("notices a suspended machine by the wall clock, and a clock that was set back by the monotonic one", () => {
    expect(refreshWaitMs(fresh, { wallMs: T0 + 40 * MINUTE, monotonicMs: at(MINUTE).monotonicMs }, 0)).toBe(0);
    expect(refreshWaitMs(fresh, at(30 * MINUTE, -HOUR), 0)).toBe(0);
  });
});

describe("afterFailure", () => {
  it("waits longer and longer, at random, up to two minutes", () => {
    let state: RefreshState = NO_TOKEN;
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) waits.push((state = afterFailure(state, at(0), 1)).pauseMs);
    expect(waits).toEqual([1000, 3000, 9000, 27_000, 81_000, 120_000, 120_000, 120_000]);
    expect(afterFailure(state, at(0), 0).pauseMs).toBe(1000);
  });

  it("tries at least once more before the token is over", () => {
    const failing: RefreshState = { ...fresh, backoffMs: 120_000 };
    expect(afterFailure(failing, at(HOUR - 20_000), 1).pauseMs).toBe(10_000);
    expect(afterFailure(failing, at(HOUR - 1000), 1).pauseMs).toBe(1000);
    expect(afterFailure(failing, at(HOUR), 1).pauseMs).toBe(120_000);
  });

  it("keeps the token, and a success ends the backoff", () => {
    const failed = afterFailure(fresh, at(30 * MINUTE), 1);
    expect(failed.life).toBe(life);
    expect(afterSuccess(life, at(31 * MINUTE)).backoffMs).toBe(0);
  });
});

/** Keeps a token through an outage, by the real decisions; returns the shortest time that the token had left. */
function keepThrough(outage: { startMs: number; lengthMs: number }, splay: number, random: () => number) {
  let state: RefreshState = NO_TOKEN;
  let [leastLeftMs, mints] = [HOUR, 0];
  for (let now = 0; now < 4 * HOUR;) {
    const waitMs = refreshWaitMs(state, at(now), splay);
    if (waitMs > 0) {
      now += waitMs;
      if (state.life) leastLeftMs = Math.min(leastLeftMs, state.life.expiryMs - at(now).wallMs);
      continue;
    }
    const isDown = now >= outage.startMs && now < outage.startMs + outage.lengthMs;
    if (!isDown) mints++;
    state = isDown
      ? afterFailure(state, at(now), random())
      : afterSuccess({ obtained: at(now), expiryMs: at(now).wallMs + HOUR }, at(now));
  }
  return { leastLeftMs, mints };
}

describe("a fleet", () => {
  it("does not feel a server that is down for 25 of 60 minutes, whenever that is", () => {
    const start = fc.integer({ min: 1, max: 2 * HOUR });
    fc.assert(
      fc.property(
        start,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        (startMs, splay, randoms) => {
          const random = () => Number(randoms.next().value ?? 0.5);
          const { leastLeftMs, mints } = keepThrough({ startMs, lengthMs: 25 * MINUTE }, splay, random);
          expect(leastLeftMs).toBeGreaterThan(MINUTE);
          expect(mints).toBeLessThan(12);
        },
      ),
      { numRuns: 300 },
    );
  });
});
