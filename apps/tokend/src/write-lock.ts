import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "./monotonic-clock.js";

/** Others are waited for this long, in milliseconds: a write takes a few. */
const WAIT_MS = 10_000;
const RETRY_MS = 20;

/** How to let go of a lock. */
export type Unlock = () => Promise<void>;

/**
 * Takes the lock of that name, of which the whole machine has one: an abstract socket (Linux) or a pipe (Windows), which
 * the system takes back however its holder ends. Undefined when another holds it for longer than `waitMs`, and where
 * there is no such lock.
 */
export async function takeLock(name: string, waitMs: number = WAIT_MS): Promise<Unlock | undefined> {
  const path = lockPath(name);
  if (path === undefined) return undefined;
  const end = monotonicMs() + waitMs;
  for (;;) {
    const server = createServer((socket) => socket.destroy()).unref();
    const taken = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false)).listen({ path, exclusive: true }, () => resolve(true));
    });
    if (taken) return () => new Promise((resolve) => server.close(() => resolve()));
    if (monotonicMs() >= end) return undefined;
    await sleep(RETRY_MS);
  }
}

function lockPath(name: string): string | undefined {
  const id = `tokend-${createHash("sha256").update(name).digest("hex").slice(0, 40)}`;
  if (process.platform === "linux") return `\0${id}`;
  return process.platform === "win32" ? `\\\\.\\pipe\\${id}` : undefined;
}
