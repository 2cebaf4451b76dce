import { type DestinationStream, pino } from "pino";

/** How long a line waits for others, in milliseconds: whoever reads along does not notice. */
const GATHERING_MS = 10;
/** As many characters as are not kept waiting. */
const MAX_GATHERED = 1 << 16;

/**
 * Where log lines go: to a file descriptor, those of some milliseconds in one write, for a write is as dear as an answer
 * and wakes who reads. What is left is written when the process exits; a process that is killed loses these milliseconds.
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
      if (lines === "") setTimeout(flushSync, GATHERING_MS).unref();
      lines += line;
      if (lines.length >= MAX_GATHERED) flushSync();
    },
    flushSync,
  };
}
