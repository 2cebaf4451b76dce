import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Unavailable } from "../errors.js";
import { type CallLimits, CallQueue, type ShedReason } from "./call-queue.js";

const HOUR_MS = 3_600_000;

/** A queue, the names of the calls in the order in which they began, and of those that were turned away. */
class Desk {
  readonly began: string[] = [];
  readonly shed: string[] = [];
  readonly reasons: ShedReason[] = [];
  readonly queue: CallQueue;

  constructor(limits: Partial<CallLimits> = {}) {
    const all = { maxRunning: 1, maxWaiting: 4, maxWaitMs: HOUR_MS, ...limits };
    this.queue = new CallQueue(all, (reason) => void this.reasons.push(reason));
  }

  /** A call by its name, whose first letter is its sender. */
  async call(name: string): Promise<void> {
    try {
      await this.queue.enter(name[0] ?? "");
      this.began.push(name);
    } catch (error) {
      expect(error).toBeInstanceOf(Unavailable);
      this.shed.push(name);
    }
  }

  async calls(...names: string[]): Promise<void> {
    for (const name of names) void this.call(name);
    await settled();
  }

  async leave(count: number): Promise<void> {
    for (let index = 0; index < count; index++) this.queue.leave();
    await settled();
  }
}

const settled = () => new Promise(setImmediate);

describe("CallQueue", () => {
  it("begins calls at once while there is room, and the others in their order", async () => {
    const desk = new Desk({ maxRunning: 2 });
    await desk.calls("a1", "a2", "a3", "a4");
    expect(desk.began).toEqual(["a1", "a2"]);
    await desk.leave(1);
    expect(desk.began).toEqual(["a1", "a2", "a3"]);
    expect([desk.queue.running, desk.queue.waiting]).toEqual([2, 1]);
    await desk.leave(3);
    expect([desk.queue.running, desk.queue.waiting]).toEqual([0, 0]);
    await desk.calls("a5");
    expect(desk.began).toEqual(["a1", "a2", "a3", "a4", "a5"]);
  });

  it("lets senders take turns", async () => {
    const desk = new Desk();
    await desk.calls("x0", "a1", "a2", "a3", "b1");
    await desk.leave(5);
    expect(desk.began).toEqual(["x0", "a1", "b1", "a2", "a3"]);
  });

  it("turns the last of the longest line away when it is full, and never a sender with few calls", async () => {
    const desk = new Desk();
    await desk.calls("x0", "a1", "a2", "a3", "a4", "a5", "b1", "c1", "a6", "b2");
    expect(desk.shed).toEqual(["a5", "a4", "a3", "a6", "b2"]);
    expect(desk.reasons).toEqual(Array(5).fill("queue_full"));
    await desk.leave(5);
    expect(desk.began).toEqual(["x0", "a1", "b1", "c1", "a2"]);
  });

  it("turns away who has waited too long", async () => {
    const desk = new Desk({ maxWaitMs: 1 });
    await desk.calls("a1", "a2");
    await expect.poll(() => desk.shed).toEqual(["a2"]);
    expect(desk.reasons).toEqual(["waited_too_long"]);
    await desk.leave(1);
    expect([desk.queue.running, desk.queue.waiting]).toEqual([0, 0]);
  });

  it("keeps its bounds and loses nobody, whatever comes", async () => {
    const steps = fc.array(fc.constantFrom("a", "a", "a", "b", "c", "leave"), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, async (names) => {
        const desk = new Desk({ maxRunning: 3, maxWaiting: 5 });
        let count = 0;
        for (const name of names) {
          if (name !== "leave") await desk.calls(`${name}${count++}`);
          else if (desk.queue.running > 0) await desk.leave(1);
          expect(desk.queue.running).toBeLessThanOrEqual(3);
          expect(desk.queue.waiting).toBeLessThanOrEqual(5);
          expect(desk.queue.waiting === 0 || desk.queue.running === 3).toBe(true);
        }
        expect(desk.began.length + desk.shed.length + desk.queue.waiting).toBe(count);
      }),
    );
  });
});
