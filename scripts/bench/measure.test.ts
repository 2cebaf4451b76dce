import { describe, expect, it } from "vitest";
// @ts-expect-error -- a script without types
import { inTurns, median, ratePerSecond, ratioRow, valueRow } from "./measure.mjs";

describe("measuring", () => {
  it("takes the middle of an odd number of values, and between the two middles of an even one", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });

  it("measures in turns, after a round that does not count", async () => {
    const order: string[] = [];
    const of = (name: string) => () => order.push(name);
    expect(await inTurns({ a: of("a"), b: of("b") }, 2)).toEqual({ a: [3, 5], b: [4, 6] });
    expect(order).toEqual(["a", "b", "a", "b", "a", "b"]);
  });

  it("compares what was measured in the same round", () => {
    const row = ratioRow({ id: "X1", name: "x", unit: "/s", goal: 2 }, [10, 40, 90], [10, 10, 10]);
    expect(row).toMatchObject({ value: 40, base: 10, ratio: 4, met: true, samples: [1, 4, 9] });
    expect(ratioRow({ id: "X1", name: "x", unit: "/s", goal: 5 }, [10, 40, 90], [10, 10, 10]).met).toBe(false);
  });

  it("takes a value for good enough up to its goal", () => {
    expect(valueRow({ id: "X2", name: "x", unit: "µs", goal: 25 }, [30, 20, 25])).toMatchObject({
      value: 25,
      met: true,
    });
    expect(valueRow({ id: "X2", name: "x", unit: "µs", goal: 24 }, [30, 20, 25]).met).toBe(false);
  });

  it("counts what was done in the time that it took", async () => {
    const rate = await ratePerSecond(() => new Promise((resolve) => setTimeout(resolve, 5)), {
      inFlight: 4,
      seconds: 0.2,
    });
    expect(rate).toBeGreaterThan(0);
    expect(rate).toBeLessThan(4 / 0.004);
  });
});
