import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { logLines } from "./log-lines.js";

function logFile() {
  const folder = mkdtempSync(join(tmpdir(), "log-"));
  const path = join(folder, "log");
  const fd = openSync(path, "a");
  onTestFinished(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  const messages = () => readFileSync(path, "utf8").match(/(?<="msg":")[^"]*/g);
  return { log: pino({}, logLines(fd)), messages };
}

describe("logLines", () => {
  it("writes the lines of some milliseconds together, in their order", () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { log, messages } = logFile();
    for (const each of ["a", "b"]) log.info(each);
    vi.advanceTimersByTime(9);
    log.info("c");
    expect(messages()).toBeNull();
    vi.advanceTimersByTime(1);
    expect(messages()).toEqual(["a", "b", "c"]);
    log.info("d");
    vi.advanceTimersByTime(10);
    expect(messages()).toEqual(["a", "b", "c", "d"]);
  });

  it("writes what is fatal at once, with all that came before", () => {
    const { log, messages } = logFile();
    log.info("a");
    log.fatal("b");
    expect(messages()).toEqual(["a", "b"]);
  });

  it("writes many lines at once", () => {
    const { log, messages } = logFile();
    const long = "a".repeat(40_000);
    log.info(long);
    expect(messages()).toBeNull();
    log.info(long);
    expect(messages()).toEqual([long, long]);
  });

  it("writes what is left when the process exits", () => {
    const { log, messages } = logFile();
    const others = process.listeners("exit").slice(0, -1);
    log.info("a");
    for (const flush of process.listeners("exit")) if (!others.includes(flush)) flush.call(process, 0);
    expect(messages()).toEqual(["a"]);
  });
});
