import { expect, it } from "vitest";
import { RunLog } from "./log.js";

it("writes each line as it comes, and keeps it for the status file", () => {
  const lines: string[] = [];
  const log = new RunLog(
    (line) => lines.push(line),
    42,
    () => 0,
  );
  expect(log.dump()).toBe("");
  log.log("warning", "careful");
  log.log("error", "too late");
  expect(lines).toEqual([
    "[W1970-01-01T00:00:00.000000Z 42 0 tokend] careful\n",
    "[E1970-01-01T00:00:00.000000Z 42 0 tokend] too late\n",
  ]);
  expect(log.dump()).toBe("\nDUMP LOG:\n  warning: careful\n  error: too late\n");
});
