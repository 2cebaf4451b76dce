import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Storage, StorageVersionError } from "@tokens/minter";
import { UsageError } from "./exit-code.js";

/** The database file of a data folder. */
export const DATABASE_FILE = "tokens.db";

/** Whether a setting means PostgreSQL. */
export function isPostgresUrl(place: string): boolean {
  return /^postgres(ql)?:\/\//.test(place);
}

/** Opens the storage that a setting names, a file or `postgres://…`; by default the file in the data folder. */
export async function openStorage(setting: string | undefined, dataFolder: string): Promise<Storage> {
  const place = setting ?? join(dataFolder, DATABASE_FILE);
  try {
    if (isPostgresUrl(place)) {
      const { openPostgresStorage } = await import("@tokens/minter/postgres");
      return await openPostgresStorage(place);
    }
    const { openSqliteStorage, StorageFileError } = await import("@tokens/minter/sqlite");
    return await openSqliteStorage(place).catch((error: unknown) => {
      throw error instanceof StorageFileError ? new UsageError(error.message, { cause: error }) : error;
    });
  } catch (error) {
    if (error instanceof StorageVersionError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** Makes the data folder, for its owner alone. */
export async function makeDataFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}
