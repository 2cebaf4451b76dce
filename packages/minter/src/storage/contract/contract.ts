import { auditCases } from "./audit-cases.js";
import { authorityCases } from "./authority-cases.js";
import { crlCases } from "./crl-cases.js";
import { feedCases } from "./feed-cases.js";
import { keyCases } from "./key-cases.js";
import { leaseCases } from "./lease-cases.js";
import { policyCases } from "./policy-cases.js";
import { seenCases } from "./seen-cases.js";
import type { StorageCase } from "./storage-case.js";

/** What every storage engine must do; run each case in any test runner, on a storage of its own. */
export const storageContract: readonly StorageCase[] = [
  ...keyCases,
  ...policyCases,
  ...authorityCases,
  ...crlCases,
  ...feedCases,
  ...leaseCases,
  ...auditCases,
  ...seenCases,
];
