import { type DestinationStream, pino } from "pino";

/**
 * Where log lines go: to a file descriptor, all lines of one turn of the event loop in one write, for writes are dear and
 * a busy server has many lines at a time. What is left is written when the process exits.
 */
export function logLines(fd: number): DestinationStream & { flushSync(): void } {
  const file = pino.destination({ fd, sync: true });
  let lines = "";
  const flushSync = () => {
    if (lines !== "") file.write(lines);
    lines = "";
  };
  process.on("exit", flushSync);
  return {
    write: (line) => {
      if (lines === "") setImmediate(flushSync);
      lines += line;
    },
    flushSync,
  };
}
