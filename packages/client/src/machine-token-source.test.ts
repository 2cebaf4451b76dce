import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MintError } from "./errors.js";
import { MachineTokenSource } from "./machine-token-source.js";

const MINUTE = 60_000;
const clock = () => ({ wallMs: Date.now(), monotonicMs: performance.now() });

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] }));
afterEach(() => void vi.useRealTimers());

/** A server that gives each token an hour, unless it is down. */
function startServer() {
  const server = { calls: 0, isDown: false, answer: () => Promise.resolve() };
  const mint = async () => {
    const call = ++server.calls;
    await server.answer();
    if (server.isDown) throw new MintError("UNAVAILABLE", "down");
    return { token: `token-${call}`, expirySeconds: Date.now() / 1000 + 3600, serviceVersion: "v" };
  };
  const source = new MachineTokenSource({ mint, name: "host-1", clock, random: () => 0.5 });
  return { server, source };
}

describe("MachineTokenSource", () => {
  it("gets a token when it is first asked, once for all who ask meanwhile", async () => {
    const { server, source } = startServer();
    expect(server.calls).toBe(0);
    expect(await Promise.all([source.token(), source.token(), source.token()])).toEqual(Array(3).fill("token-1"));
    expect([await source.token(), server.calls]).toEqual(["token-1", 1]);
    source.close();
  });

  it("refreshes by itself at half of the token's life", async () => {
    const { server, source } = startServer();
    await source.token();
    await vi.advanceTimersByTimeAsync(23 * MINUTE);
    expect(server.calls).toBe(1);
    await vi.advanceTimersByTimeAsync(8 * MINUTE);
    expect([await source.token(), server.calls]).toEqual(["token-2", 2]);
    source.close();
  });

  it("serves the token that there is while a refresh hangs", async () => {
    const { server, source } = startServer();
    await source.token();
    server.answer = () => new Promise(() => undefined);
    await vi.advanceTimersByTimeAsync(40 * MINUTE);
    expect([await source.token(), server.calls]).toEqual(["token-1", 2]);
    source.close();
  });

  it("outlives a server that is down for 25 minutes", async () => {
    const { server, source } = startServer();
    await source.token();
    await vi.advanceTimersByTimeAsync(24 * MINUTE);
    server.isDown = true;
    for (let minute = 0; minute < 25; minute++) {
      await vi.advanceTimersByTimeAsync(MINUTE);
      expect(await source.token()).toBe("token-1");
    }
    server.isDown = false;
    await vi.advanceTimersByTimeAsync(3 * MINUTE);
    expect(await source.token()).not.toBe("token-1");
    expect(server.calls).toBeLessThan(60);
    source.close();
  });

  it("rejects with the last failure when there is no token, without another call before its time", async () => {
    const { server, source } = startServer();
    server.isDown = true;
    await expect(source.token()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(source.token()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(server.calls).toBe(1);
    server.isDown = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect(await source.token()).toBe("token-2");
    source.close();
  });

  it("never serves a token that is over", async () => {
    const { server, source } = startServer();
    await source.token();
    server.isDown = true;
    await vi.advanceTimersByTimeAsync(61 * MINUTE);
    await expect(source.token()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    source.close();
  });

  it("refreshes after a suspended machine wakes up", async () => {
    const { source } = startServer();
    await source.token();
    vi.setSystemTime(Date.now() + 50 * MINUTE);
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(await source.token()).toBe("token-2");
    source.close();
  });

  it("is still when it is closed", async () => {
    const { server, source } = startServer();
    await source.token();
    source.close();
    await vi.advanceTimersByTimeAsync(50 * MINUTE);
    expect([await source.token(), server.calls]).toEqual(["token-1", 1]);
    const { source: early } = startServer();
    early.close();
    await expect(early.token()).rejects.toThrow("closed");
  });
});
