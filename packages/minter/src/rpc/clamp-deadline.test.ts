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

  it("leaves no timer behind a call that answers", async () => {
    const answer = await clientOf(() => Promise.resolve({ serviceVersion: "v" })).mintMachineToken({});
    expect(answer.serviceVersion).toBe("v");
    expect(vi.getTimerCount()).toBe(0);
  });
});
