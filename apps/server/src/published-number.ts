import { randomBytes } from "node:crypto";
import { open, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { PublishedNumber } from "@tokens/minter";
import { UsageError } from "./exit-code.js";

/** The file of a data folder that remembers the last number of the revocation feed. It is no part of a backup. */
export const PUBLISHED_NUMBER_FILE = "published-feed-number";

/** Keeps the number in a file beside the storage, whole or not at all. Rejects with a UsageError for a file that is damaged. */
export function publishedNumberIn(folder: string): PublishedNumber {
  const path = join(folder, PUBLISHED_NUMBER_FILE);
  return {
    read: async () => {
      const text = await readIfThere(path);
      if (text === undefined) return undefined;
      const number = /^[0-9]{1,16}\n$/.test(text) ? Number(text) : Number.NaN;
      if (Number.isSafeInteger(number)) return number;
      throw new UsageError(`${path} is damaged; remove it if the storage is not older than what was published`);
    },
    write: (number) => replace(path, folder, `${number}\n`),
  };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function replace(path: string, folder: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString("hex")}`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close();
    await unlink(temporary);
    throw error;
  }
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
