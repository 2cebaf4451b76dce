import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deadlines } from "./deadlines.js";

const MS = 1000;
let deadlines: Deadlines;

beforeEach(() => {
  vi.useFakeTimers();
  deadlines = new Deadlines(MS);
});
afterEach(() => void vi.useRealTimers());

/** Begins some work that takes so long, or for ever; what came of it, and when, is in the result. */
function begin(name: string, tookMs = Number.POSITIVE_INFINITY) {
  const beganMs = performance.now();
  const came: { of?: string; afterMs?: number } = {};
  const work = new Promise<string>((resolve) => {
    if (Number.isFinite(tookMs)) setTimeout(resolve, tookMs, `${name} done`);
  });
  const end = (of: string) => Object.assign(came, { of, afterMs: performance.now() - beganMs });
  void deadlines.limit(work, () => new Error(`${name} late`)).then(end, (error: Error) => end(error.message));
  return came;
}

describe("Deadlines", () => {
  it("give what comes of work that is done in time, and its error", async () => {
    const done = begin("one", MS - 1);
    const failed = deadlines.limit(Promise.reject(new Error("broken")), () => new Error("late"));
    await expect(failed).rejects.toThrow("broken");
    await vi.advanceTimersByTimeAsync(2 * MS);
    expect(done).toEqual({ of: "one done", afterMs: MS - 1 });
  });

  it("give up each thing after its own time, whatever began before and after", async () => {
    const first = begin("first");
    await vi.advanceTimersByTimeAsync(300);
    const done = begin("second", 100);
    const third = begin("third");
    await vi.advanceTimersByTimeAsync(300);
    const fourth = begin("fourth");
    await vi.advanceTimersByTimeAsync(MS);
    expect(done).toEqual({ of: "second done", afterMs: 100 });
    for (const late of [first, third, fourth]) {
      expect(late.of).toMatch(/ late$/);
      expect(Math.ceil(late.afterMs ?? 0)).toBe(MS);
    }
  });

  it("begin anew after a time without anything to do", async () => {
    begin("first", 1);
    await vi.advanceTimersByTimeAsync(10 * MS);
    expect(vi.getTimerCount()).toBe(0);
    const late = begin("second");
    await vi.advanceTimersByTimeAsync(MS - 1);
    expect(late).toEqual({});
    await vi.advanceTimersByTimeAsync(1);
    expect(late.of).toBe("second late");
  });

  it("need one timer for all", () => {
    for (let i = 0; i < 100; i++) begin(`${i}`);
    expect(vi.getTimerCount()).toBe(1);
  });

  it("say nothing more of work that ends after it was given up", async () => {
    const late = begin("slow", MS + 1);
    await vi.advanceTimersByTimeAsync(2 * MS);
    expect(late.of).toBe("slow late");
  });

  it("let the process end", () => {
    vi.useRealTimers();
    const started = vi.spyOn(globalThis, "setTimeout");
    void new Deadlines(MS).limit(new Promise(() => undefined), () => new Error("late"));
    const timer = started.mock.results[0]?.value as NodeJS.Timeout;
    started.mockRestore();
    expect(timer.hasRef()).toBe(false);
    clearTimeout(timer);
  });
});
