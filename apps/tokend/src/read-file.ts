import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";

/**
 * Reads a file's text and permission bits. Throws the error of the file system, and an Error for what is not a file: a
 * pipe that somebody put in its place would never end.
 */
export function readRegularFile(path: string, flags = 0): { text: string; mode: number } {
  const fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | flags);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error(`${path} is not a file`);
    return { text: readFileSync(fd, "utf8"), mode: stat.mode & 0o777 };
  } finally {
    closeSync(fd);
  }
}
