import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  openSync,
  realpathSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { basename, dirname } from "node:path";
import { isPermissionError } from "./permission-error.js";
import { readRegularFile } from "./read-file.js";
import { removeLeftovers, temporaryName } from "./leftovers.js";
import { type Folder, openFolder, syncFile } from "./safe-folder.js";
import { takeLock } from "./write-lock.js";

const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | NO_FOLLOW;
const OWNER_ONLY = 0o600;

/** While somebody else holds the file (on Windows), try again this often and this long, in milliseconds. */
const RETRY_EVERY_MS = 500;
const RETRY_FOR_MS = 10_000;

/** How files are written. */
export interface WriteOptions {
  /** Permission bits; whatever the umask. */
  readonly mode: number;
  /** Group; undefined: the one that new files get. */
  readonly gid?: number | undefined;
  /** Follows symbolic links to the folder wherever they are, and one in place of the file. */
  readonly followLinks: boolean;
  /** Fails, instead of warning, when others could replace the file. */
  readonly strictPermissions: boolean;
  /** Gives up waiting. */
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
  /** Default: the system's. */
  readonly rename?: (from: string, to: string) => void;
}

/** What a write did: replaced the file, found this text there already, or kept what was there. */
export type Written = "replaced" | "same" | "kept";

/**
 * Replaces a file at once: readers see the old text or the new one, also after a crash, and one writer of the machine is
 * at it at a time. `mayReplace` sees the present text and can decline. A symbolic link in the file's place is replaced,
 * not followed. Rejects with the error of the file system; nothing is left behind then.
 */
export async function writeAtomically(
  path: string,
  text: string,
  options: WriteOptions,
  mayReplace: (present: string) => boolean = () => true,
): Promise<Written> {
  const place = options.followLinks ? realPath(path) : path;
  const [parent, name] = [dirname(place), basename(place)];
  const folder = openFolder(parent, options.followLinks ? "all" : "trusted");
  try {
    if (folder.isShared) reportShared(parent, options);
    const unlock = await takeLock(`${folder.identity}/${name}`);
    try {
      return await replace(folder, name, text, options, mayReplace);
    } finally {
      await unlock?.();
    }
  } catch (error) {
    throw withRealPath(error as NodeJS.ErrnoException, folder, parent);
  } finally {
    folder.close();
  }
}

/** Where a path leads; itself, where there is nothing yet. */
function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}

/** The error with the folder's name in its message, where the system saw a descriptor. */
function withRealPath(error: NodeJS.ErrnoException, folder: Folder, parent: string): Error {
  const message = error.message.replaceAll(folder.file(""), `${parent}/`);
  return Object.assign(new Error(message, { cause: error }), { code: error.code });
}

function reportShared(path: string, { strictPermissions, warn }: WriteOptions): void {
  const message = `others can replace files in ${path}: take write permission from group and others (chmod go-w)`;
  if (strictPermissions) throw Object.assign(new Error(message), { code: "EPERM" });
  warn(message);
}

async function replace(
  folder: Folder,
  name: string,
  text: string,
  options: WriteOptions,
  mayReplace: (present: string) => boolean,
): Promise<Written> {
  const target = folder.file(name);
  removeLeftovers(folder, name, Date.now());
  const present = readPresent(target);
  if (present?.text === text && present.mode === options.mode) return "same";
  if (present !== undefined && !mayReplace(present.text)) return "kept";
  const temporary = folder.file(temporaryName(name, randomBytes(8).toString("hex")));
  const fd = openSync(temporary, NEW_FILE, OWNER_ONLY);
  try {
    await fill(fd, text, options);
    await renamePatiently(temporary, target, options);
  } catch (error) {
    removeIfThere(temporary);
    throw error;
  }
  await folder.sync();
  return "replaced";
}

/** What is in the file's place, if it is a file that can be read. */
function readPresent(path: string): { text: string; mode: number } | undefined {
  try {
    return readRegularFile(path, NO_FOLLOW);
  } catch {
    // Missing, a link, a folder or not readable: whatever it is, the rename replaces it or fails.
    return undefined;
  }
}

async function fill(fd: number, text: string, { mode, gid }: WriteOptions): Promise<void> {
  try {
    writeFileSync(fd, text);
    if (gid !== undefined) fchownSync(fd, fstatSync(fd).uid, gid);
    fchmodSync(fd, mode);
    await syncFile(fd);
  } finally {
    closeSync(fd);
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // What went wrong before this is what counts.
  }
}

async function renamePatiently(from: string, to: string, options: WriteOptions): Promise<void> {
  const { signal, warn, rename: renameFile = renameSync } = options;
  for (let waited = 0; ; waited += RETRY_EVERY_MS) {
    try {
      return renameFile(from, to);
    } catch (error) {
      if (!isPermissionError(error) || waited >= RETRY_FOR_MS || signal.aborted) throw error;
      warn(`cannot replace ${basename(to)}, trying again: ${(error as Error).message}`);
      await sleep(RETRY_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
