import { constants } from "node:fs";
import { open } from "node:fs/promises";

/**
 * Reads a file's text and permission bits. Rejects with the error of the file system, and for what is not a file: a pipe
 * that somebody put in its place would never end.
 */
export async function readRegularFile(path: string, flags = 0): Promise<{ text: string; mode: number }> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | flags);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error(`${path} is not a file`);
    return { text: await file.readFile("utf8"), mode: stat.mode & 0o777 };
  } finally {
    await file.close();
  }
}
