import { accessSync, constants, statSync } from "node:fs";
import type { Flags } from "./flags.js";
import { isFile } from "./secret-source.js";

/** Clocks of file systems tick every few milliseconds, some every two seconds: then their times have no fractions. */
const TICK_MS = 100n;
const SLOW_TICK_MS = 3000n;
const NANOS = 1_000_000n;
const READABLE_BY_ALL = 0o004n;

/**
 * Names the files of the inputs by what the file system says of them. As long as that stays the same nobody has written
 * to them, and they need not be read to know that their digest is the same. Undefined where that is not certain: when
 * one is no file, cannot be read, or changed so lately that another change might have the same time.
 */
export function inputsStamp(
  { key, certificateFile, backend, audience }: Pick<Flags, "key" | "certificateFile" | "backend" | "audience">,
  nowMs: number,
): string | undefined {
  if (!isFile(key)) return undefined;
  const stamps: string[] = [backend, ...audience];
  for (const path of [key, certificateFile]) {
    try {
      accessSync(path, constants.R_OK);
      const { dev, ino, size, mtimeNs, ctimeNs, mode } = statSync(path, { bigint: true });
      if (path === key && (mode & READABLE_BY_ALL) !== 0n) return undefined;
      const tickMs = ctimeNs % (1000n * NANOS) === 0n ? SLOW_TICK_MS : TICK_MS;
      if (BigInt(Math.floor(nowMs)) - ctimeNs / NANOS < tickMs) return undefined;
      stamps.push([dev, ino, size, mtimeNs, ctimeNs].join(":"));
    } catch {
      // Reading it says what is wrong.
      return undefined;
    }
  }
  return stamps.join(" ");
}
