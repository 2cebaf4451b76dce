import { describe, expect, it } from "vitest";
import { MintError } from "./errors.js";
import { retry, retryDelays } from "./retry.js";

const unavailable = () => new MintError("UNAVAILABLE", "down", { grpcCode: 14 });

describe("retryDelays", () => {
  it("grow by half from 200 ms, up to the longest", () => {
    const delays = retryDelays(1000);
    const first = Array.from({ length: 6 }, () => Math.round(delays.next().value));
    expect(first).toEqual([200, 300, 450, 675, 1000, 1000]);
  });
});

describe("retry", () => {
  it("repeats while the server cannot be reached", async () => {
    let attempts = 0;
    const attempt = () => (++attempts < 3 ? Promise.reject(unavailable()) : Promise.resolve("done"));
    expect(await retry(attempt, { timeoutMs: 60_000 })).toBe("done");
    expect(attempts).toBe(3);
  });

  it.each([
    new MintError("REFUSED", "no", { errorCode: "BAD_SIGNATURE" }),
    new MintError("BAD_RESPONSE", "what?"),
    new TypeError("a bug"),
  ])("does not repeat what will not change: %s", async (error) => {
    let attempts = 0;
    const attempt = () => {
      attempts++;
      return Promise.reject(error);
    };
    await expect(retry(attempt, { timeoutMs: 60_000 })).rejects.toBe(error);
    expect(attempts).toBe(1);
  });

  it("ends with gRPC's code 4 when the time is up, and keeps the last cause", async () => {
    const cause = unavailable();
    const ended = retry(() => Promise.reject(cause), { timeoutMs: 300 });
    await expect(ended).rejects.toMatchObject({ code: "UNAVAILABLE", grpcCode: 4, cause });
  });

  it("ends an attempt that hangs with the time", async () => {
    const hang = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(unavailable())));
    await expect(retry(hang, { timeoutMs: 50 })).rejects.toMatchObject({ grpcCode: 4 });
  });

  it("makes no more attempts than it may, and says of each that there will be another", async () => {
    const heard: number[] = [];
    const last = unavailable();
    const attempt = () => Promise.reject(heard.length === 2 ? last : unavailable());
    const onRetry = (_: MintError, delayMs: number) => heard.push(delayMs);
    await expect(retry(attempt, { timeoutMs: 60_000, attempts: 3, onRetry })).rejects.toBe(last);
    expect(heard).toEqual([200, 300]);
  });

  it("takes a time that is longer than any timer, or no whole number", async () => {
    for (const timeoutMs of [2 ** 40, 10_000.5]) {
      expect(await retry(() => Promise.resolve("done"), { timeoutMs })).toBe("done");
    }
  });

  it("tells each attempt how much time is left", async () => {
    const left: number[] = [];
    let now = 0;
    const attempt = (_: AbortSignal, leftMs: number) => {
      left.push(leftMs);
      now += 100;
      return left.length < 2 ? Promise.reject(unavailable()) : Promise.resolve("done");
    };
    await retry(attempt, { timeoutMs: 1000, monotonicClock: () => now });
    expect(left).toEqual([1000, 900]);
  });

  it("ends with gRPC's code 1 as soon as it is interrupted", async () => {
    const controller = new AbortController();
    const ended = retry(() => Promise.reject(unavailable()), { timeoutMs: 60_000, signal: controller.signal });
    setTimeout(() => controller.abort(), 30);
    await expect(ended).rejects.toMatchObject({ grpcCode: 1 });
  });
});
