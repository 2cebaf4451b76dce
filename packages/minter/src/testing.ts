export { AuditLog, type AuditLogParts } from "./audit/audit-log.js";
export { storageContract } from "./storage/contract/contract.js";
export type { StorageCase } from "./storage/contract/storage-case.js";
