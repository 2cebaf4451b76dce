export { AuditLog, type AuditLogParts } from "./audit/audit-log.js";
export { type StorageCase, storageContract } from "./storage/contract/contract.js";
