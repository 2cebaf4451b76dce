import type { Storage } from "../storage.js";

/** One thing that every storage engine must do. It rejects with an AssertionError when the engine does not. */
export interface StorageCase {
  readonly name: string;
  /** Runs on a fresh, empty storage. */
  readonly run: (storage: Storage) => Promise<void>;
}
