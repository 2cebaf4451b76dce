import { closeSync, constants, existsSync, fstatSync, fsync, openSync, readlinkSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

/** A folder to write in. It stays the same one, whatever others do to its path meanwhile. */
export interface Folder {
  /** Path by which a file in it is reached. */
  file(name: string): string;
  /** Names this folder, whichever path leads to it. */
  readonly identity: string;
  /** Whether others than its owner may replace files in it. */
  readonly isShared: boolean;
  /** Makes what was renamed in it last. Systems that cannot do that do nothing. */
  sync(): Promise<void>;
  close(): void;
}

/** Linux: a descriptor that only names a folder; it needs no permission to read it. */
const O_PATH = 0x200000;
const WALK = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const MOST_LINKS = 40;
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;
const ROOT = 0;

/** Writes a file to the disk, beside all else: a disk may be slow, and signals count meanwhile. */
export const syncFile: (fd: number) => Promise<void> = promisify(fsync);

/**
 * Opens a folder. A symbolic link on the way is followed only where root alone could have put it there, or when `follow`
 * is "all": else whoever may write along the path could lead the writer to another folder. Throws what Node says, or an
 * Error with code ELOOP that names the link.
 */
export function openFolder(path: string, follow: "trusted" | "all"): Folder {
  const absolute = resolve(path);
  const hasDescriptors = process.platform === "linux" && existsSync("/proc/self/fd");
  if (!hasDescriptors) return plainFolder(absolute);
  const fd = walk(absolute, follow);
  const { dev, ino, mode } = fstatSync(fd, { bigint: true });
  return {
    file: (name) => `/proc/self/fd/${fd}/${name}`,
    identity: `${dev}:${ino}`,
    isShared: isShared(Number(mode)),
    sync: () => syncFolder(`/proc/self/fd/${fd}/.`),
    close: () => closeSync(fd),
  };
}

/** Where a process cannot hold on to a folder, its path has to do. */
function plainFolder(path: string): Folder {
  const { dev, ino, mode } = statSync(path, { bigint: true });
  return {
    file: (name) => join(path, name),
    identity: `${dev}:${ino}`,
    isShared: isShared(Number(mode)),
    sync: () => syncFolder(path),
    close: () => undefined,
  };
}

/** In a sticky folder others may add files, but not replace ours. */
function isShared(mode: number): boolean {
  return (mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0;
}

/** Opens one part of the path after the other, each inside of the one before. */
function walk(path: string, follow: "trusted" | "all"): number {
  const parts = path.split("/");
  let [fd, isTrusted, links] = [openSync("/", WALK), true, 0];
  const enter = (next: string) => {
    const entered = openSync(next, WALK);
    closeSync(fd);
    fd = entered;
  };
  try {
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      if (part === "") continue;
      isTrusted &&= isRootsAlone(fd);
      const child = `/proc/self/fd/${fd}/${part}`;
      const target = linkTarget(child);
      if (target === undefined) {
        enter(child);
        continue;
      }
      if ((!isTrusted && follow === "trusted") || ++links > MOST_LINKS) throw linkError(path, part);
      if (target.startsWith("/")) enter("/");
      parts.unshift(...target.split("/"));
    }
    return fd;
  } catch (error) {
    closeSync(fd);
    throw pathError(path, error as NodeJS.ErrnoException);
  }
}

function isRootsAlone(fd: number): boolean {
  const { uid, mode } = fstatSync(fd);
  return uid === ROOT && (mode & WRITABLE_BY_OTHERS) === 0;
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // Not a link. What else may be wrong with it, opening it says.
    return undefined;
  }
}

/** What the system says names a descriptor. */
function pathError(path: string, error: NodeJS.ErrnoException): Error {
  if (!error.message.includes("/proc/self/fd/")) return error;
  const message = `cannot open the folder ${path}: ${error.message.replace(/, open '.*'$/, "")}`;
  return Object.assign(new Error(message, { cause: error }), { code: error.code });
}

function linkError(path: string, part: string): Error {
  const message = `${JSON.stringify(part)} in ${path} is a symbolic link that others could have put there: use the real path, or -follow`;
  return Object.assign(new Error(message), { code: "ELOOP" });
}

async function syncFolder(path: string): Promise<void> {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    // Windows opens no folders, and a folder may be writable but not readable: the rename stands all the same.
    return;
  }
  // A file system that cannot do this has nothing to make last.
  await syncFile(fd).catch(() => undefined);
  closeSync(fd);
}
