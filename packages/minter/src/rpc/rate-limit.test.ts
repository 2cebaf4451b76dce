import { describe, expect, it } from "vitest";
import { Unavailable } from "../errors.js";
import { RateLimit } from "./rate-limit.js";

function limitOf(count: number, perMs: number) {
  let nowMs = 1_000_000;
  const limit = new RateLimit({ count, perMs }, () => nowMs);
  const taken = (sender: string, times: number) => {
    let good = 0;
    for (let index = 0; index < times; index++) {
      try {
        limit.take(sender);
        good++;
      } catch (error) {
        expect(error).toBeInstanceOf(Unavailable);
      }
    }
    return good;
  };
  return { taken, pass: (ms: number) => void (nowMs += ms) };
}

describe("RateLimit", () => {
  it("lets so many pass at once, and then as many as time brings", () => {
    const { taken, pass } = limitOf(10, 1000);
    expect(taken("a", 15)).toBe(10);
    pass(99);
    expect(taken("a", 1)).toBe(0);
    pass(1);
    expect(taken("a", 2)).toBe(1);
    pass(60_000);
    expect(taken("a", 15)).toBe(10);
  });

  it("counts each sender for himself", () => {
    const { taken } = limitOf(2, 1000);
    expect([taken("a", 3), taken("b", 3), taken("__proto__", 3)]).toEqual([2, 2, 2]);
  });

  it("bears a clock that goes back", () => {
    const { taken, pass } = limitOf(2, 1000);
    expect(taken("a", 3)).toBe(2);
    pass(-3_600_000);
    expect(taken("a", 1)).toBe(0);
    pass(500);
    expect(taken("a", 2)).toBe(1);
  });

  it("remembers a bounded number of senders", () => {
    const { taken } = limitOf(1, 1000);
    expect(taken("first", 2)).toBe(1);
    for (let index = 0; index < 100_000; index++) taken(`sender ${index}`, 1);
    expect(taken("first", 1)).toBe(1);
    expect(taken("sender 99999", 1)).toBe(0);
  });
});
