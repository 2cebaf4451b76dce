import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { TokenMinter } from "@tokens/api";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { clampDeadline } from "./clamp-deadline.js";

function clientOf(handler: () => Promise<{ serviceVersion: string }>) {
  const transport = createRouterTransport(({ rpc }) => void rpc(TokenMinter.method.mintMachineToken, handler), {
    router: { interceptors: [clampDeadline(30_000)] },
  });
  return createClient(TokenMinter, transport);
}

describe("clampDeadline", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("ends a call that hangs, even if its caller would wait longer", async () => {
    const call = clientOf(() => new Promise(() => undefined)).mintMachineToken({}, { timeoutMs: 60_000 });
    const ended = call.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(29_999);
    expect(await Promise.race([ended, Promise.resolve("waiting")])).toBe("waiting");
    await vi.advanceTimersByTimeAsync(2);
    const error = await ended;
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as ConnectError).code).toBe(Code.DeadlineExceeded);
  });

  it("gives each of many calls its own time, with one timer", async () => {
    const over: number[] = [];
    const client = clientOf(() => new Promise(() => undefined));
    for (const each of [0, 1, 2]) {
      client.mintMachineToken({}).catch(() => over.push(each));
      await vi.advanceTimersByTimeAsync(10_000);
      expect(vi.getTimerCount()).toBe(1);
    }
    expect(over).toEqual([0]);
    await vi.advanceTimersByTimeAsync(9_990);
    expect(over).toEqual([0]);
    await vi.advanceTimersByTimeAsync(20);
    expect(over).toEqual([0, 1]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(over).toEqual([0, 1, 2]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("leaves no timer behind calls that answer for longer than one may take", async () => {
    const client = clientOf(() => Promise.resolve({ serviceVersion: "v" }));
    for (let calls = 0; calls < 3; calls++)
      expect(await client.mintMachineToken({})).toMatchObject({ serviceVersion: "v" });
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(30_001);
    expect(vi.getTimerCount()).toBe(0);
  });
});
