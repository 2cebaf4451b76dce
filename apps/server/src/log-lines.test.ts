import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
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
  it("writes the lines of one turn together, in their order", async () => {
    const { log, messages } = logFile();
    for (const each of ["a", "b"]) log.info(each);
    expect(messages()).toBeNull();
    await new Promise((resolve) => setImmediate(resolve));
    expect(messages()).toEqual(["a", "b"]);
    log.info("c");
    await new Promise((resolve) => setImmediate(resolve));
    expect(messages()).toEqual(["a", "b", "c"]);
  });

  it("writes what is fatal at once, with all that came before", () => {
    const { log, messages } = logFile();
    log.info("a");
    log.fatal("b");
    expect(messages()).toEqual(["a", "b"]);
  });
});
