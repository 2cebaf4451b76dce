import { type ContextValues, createContextValues, type Interceptor } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { noMetrics } from "../metrics.js";
import { admitCalls, type Admission } from "./admit-calls.js";
import { listenerKey, type ListenerName } from "./listener.js";
import { peerAddressKey } from "./peer.js";

/** Calls that run until they are let go, and what was counted of those that were not admitted. */
class Door {
  readonly counted: string[] = [];
  readonly #running: (() => void)[] = [];
  readonly #call: ReturnType<Interceptor>;

  constructor(changes: Partial<Admission> = {}) {
    const limits = { maxRunning: 1, maxWaiting: 1, maxWaitMs: 3_600_000 };
    const count = (_: string, labels: Readonly<Record<string, string>> = {}) =>
      void this.counted.push(labels["reason"] ?? "");
    const metrics = { ...noMetrics, count };
    const admission = { limits, perAddress: undefined, metrics, clock: () => 0, ...changes };
    const run = () => new Promise<void>((resolve) => this.#running.push(resolve));
    this.#call = admitCalls(admission)(run as unknown as ReturnType<Interceptor>);
  }

  call(address: string, listener: ListenerName = "public"): Promise<unknown> {
    const contextValues: ContextValues = createContextValues().set(peerAddressKey, address).set(listenerKey, listener);
    return this.#call({ contextValues } as Parameters<ReturnType<Interceptor>>[0]);
  }

  async letGo(): Promise<void> {
    await expect.poll(() => this.#running.length).toBeGreaterThan(0);
    this.#running.shift()?.();
  }
}

describe("admitCalls", () => {
  it("answers calls one after the other, and turns away what is too much", async () => {
    const door = new Door();
    const [first, second, third] = [door.call("a"), door.call("a"), door.call("a")];
    await expect(third).rejects.toMatchObject({ name: "Unavailable", message: "the server is busy" });
    expect(door.counted).toEqual(["queue_full"]);
    await door.letGo();
    await first;
    await door.letGo();
    await second;
  });

  it("always admits administrators of this machine", async () => {
    const door = new Door();
    const others = [door.call("a"), door.call("a")];
    const mine = [door.call("", "admin"), door.call("", "admin")];
    for (const _ of [...others, ...mine]) await door.letGo();
    await Promise.all([...others, ...mine]);
  });

  it("takes the addresses of one IPv6 network for one sender", async () => {
    const door = new Door({ perAddress: { count: 1, perMs: 1000 } });
    const good = [door.call("2001:db8::1"), door.call("2001:db8:0:1::1")];
    await expect(door.call("2001:db8::2")).rejects.toMatchObject({ name: "Unavailable" });
    for (const each of good) {
      await door.letGo();
      await each;
    }
  });

  it("turns away an address that calls too often, and no other", async () => {
    const door = new Door({ perAddress: { count: 1, perMs: 1000 } });
    const good = [door.call("a"), door.call("b")];
    await expect(door.call("a")).rejects.toMatchObject({ name: "Unavailable" });
    expect(door.counted).toEqual(["address_rate"]);
    for (const each of good) {
      await door.letGo();
      await each;
    }
  });
});
