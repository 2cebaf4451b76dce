export { AuditLog, type AuditLogParts } from "./audit/audit-log.js";
export { startAuthorities } from "./certificate-authorities/start-authorities.js";
export {
  credentialContract,
  type CredentialCase,
  type TestedCredentials,
} from "./credentials/contract/credential-contract.js";
export { signerContract, type SignerCase } from "./keys/contract/signer-contract.js";
export { storageContract } from "./storage/contract/contract.js";
export type { StorageCase } from "./storage/contract/storage-case.js";
export { directMethods } from "./rpc/direct-call.js";
export { CertificateCache } from "./machine-tokens/certificate-cache.js";
export { decodeMintRequest } from "./machine-tokens/decode-mint-request.js";
export { encodeMintResponse } from "./machine-tokens/encode-mint-response.js";
