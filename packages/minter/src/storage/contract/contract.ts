import type { Storage } from "../storage.js";
import { auditCases } from "./audit-cases.js";
import { authorityCases } from "./authority-cases.js";
import { crlCases } from "./crl-cases.js";
import { keyCases } from "./key-cases.js";
import { leaseCases } from "./lease-cases.js";
import { policyCases } from "./policy-cases.js";

/** One thing that every storage engine must do. It rejects with an AssertionError when the engine does not. */
export interface StorageCase {
  readonly name: string;
  /** Runs on a fresh, empty storage. */
  readonly run: (storage: Storage) => Promise<void>;
}

/** What every storage engine must do; run each case in any test runner, on a storage of its own. */
export const storageContract: readonly StorageCase[] = [
  ...keyCases,
  ...policyCases,
  ...authorityCases,
  ...crlCases,
  ...leaseCases,
  ...auditCases,
];
