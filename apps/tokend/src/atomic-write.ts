import { constants } from "node:fs";
import { type FileHandle, open, readFile, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { randomBytes } from "node:crypto";

/** Mode of everything the agent writes: for its owner alone. */
const MODE = 0o600;

/** While somebody else holds the file (on Windows), try again this often and this long, in milliseconds. */
const RETRY_EVERY_MS = 500;
const RETRY_FOR_MS = 10_000;

/** What a write needs from its surroundings. */
export interface WriteOptions {
  /** Gives up waiting. */
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
}

/** Whether an error says that the permission is missing. */
export function isPermissionError(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EACCES" || error.code === "EPERM");
}

/** Whether a file has exactly this text. */
export async function hasText(path: string, text: string): Promise<boolean> {
  return (await readFile(path, "utf8").catch(() => undefined)) === text;
}

/**
 * Replaces a file at once: readers see the old text or the new one, also after a crash. A symbolic link in its place is
 * replaced, never followed. Rejects with the error of the file system; nothing is left behind then.
 */
export async function writeAtomically(path: string, text: string, options: WriteOptions): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
  const file = await open(temporary, flags, MODE);
  try {
    await fill(file, text);
    await renamePatiently(temporary, path, options);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
}

async function fill(file: FileHandle, text: string): Promise<void> {
  try {
    await file.chmod(MODE);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function renamePatiently(from: string, to: string, { signal, warn }: WriteOptions): Promise<void> {
  for (let waited = 0; ; waited += RETRY_EVERY_MS) {
    try {
      return await rename(from, to);
    } catch (error) {
      if (!isPermissionError(error) || waited >= RETRY_FOR_MS || signal.aborted) throw error;
      warn(`cannot replace ${to}, trying again: ${(error as Error).message}`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_EVERY_MS));
    }
  }
}

/** Makes the rename itself last. Windows has no such thing. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r").catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
