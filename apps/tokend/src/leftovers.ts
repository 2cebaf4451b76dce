import { lstatSync, readdirSync, type Stats, unlinkSync } from "node:fs";
import type { Folder } from "./safe-folder.js";

/** No write takes this long: an older temporary file has lost its writer. Milliseconds. */
const OLD_MS = 60_000;

/** Name of a temporary file beside `name`, by which its writer can be told. */
export function temporaryName(name: string, random: string): string {
  return `${name}.${process.pid}_${random}.tmp`;
}

/**
 * Removes temporary files that killed writers of this file left behind, LUCI's agent among them: those of this user whose
 * process is gone, or that are older than a minute.
 */
export function removeLeftovers(folder: Folder, name: string, nowMs: number): void {
  for (const each of namesIn(folder)) {
    const pid = each.startsWith(`${name}.`) && /^(\d+)_[0-9a-f]+(?:_\d+)?\.tmp$/.exec(each.slice(name.length + 1))?.[1];
    if (pid === false || pid === undefined) continue;
    const path = folder.file(each);
    try {
      if (isLeftover(lstatSync(path), Number(pid), nowMs)) unlinkSync(path);
    } catch {
      // Another writer may have removed it meanwhile.
    }
  }
}

function namesIn(folder: Folder): string[] {
  try {
    return readdirSync(folder.file("."));
  } catch {
    // A folder may be writable but not readable.
    return [];
  }
}

function isLeftover(found: Stats, pid: number, nowMs: number): boolean {
  if (!found.isFile() || found.uid !== process.geteuid?.()) return false;
  return !isRunning(pid) || nowMs - found.mtimeMs >= OLD_MS;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
