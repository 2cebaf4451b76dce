import { afterEach, expect, it } from "vitest";
import { interruption } from "./interruption.js";
import { RunLog } from "./log.js";

const before = (["SIGINT", "SIGTERM"] as const).map((signal) => [signal, process.listeners(signal)] as const);
afterEach(() => {
  for (const [signal, listeners] of before) {
    for (const listener of process.listeners(signal)) {
      if (!listeners.includes(listener)) process.removeListener(signal, listener);
    }
  }
});

const start = () => {
  const log = new RunLog(
    () => undefined,
    1,
    () => 0,
  );
  return { log, interrupted: interruption(log) };
};

it("ends with the first signal what waits for it", () => {
  const { log, interrupted } = start();
  const { signal } = interrupted;
  expect(signal.aborted).toBe(false);
  process.emit("SIGTERM", "SIGTERM");
  expect(signal.aborted).toBe(true);
  expect(log.dump()).toContain("warning: got SIGTERM, stopping");
});

it("listens from when it is asked, and once", () => {
  const { interrupted } = start();
  const count = () => process.listenerCount("SIGINT");
  const before = count();
  const first = interrupted.signal;
  expect(interrupted.signal).toBe(first);
  expect(count()).toBe(before + 1);
});
