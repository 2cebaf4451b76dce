export { type Certificate, MAX_CERTIFICATE_BYTES, parseCertificate, parseCertificatePem } from "./certificate.js";
export type {
  CertificatePolicy,
  CertificateTrust,
  CheckedCertificate,
  CheckReport,
  CheckState,
  RevocationCheck,
} from "./certificate-trust.js";
export { checkCertificate } from "./check-certificate.js";
export type { DistinguishedName } from "./distinguished-name.js";
export {
  CERTIFICATE_CHECKS,
  type CertificateCheckName,
  CertificateError,
  type CertificateErrorCode,
  MalformedInput,
} from "./errors.js";
export { generateRsaKey, keyId } from "./key-pair.js";
export type { CertificatePath } from "./path-search.js";
export { type PemBlock, readPemBlocks } from "./pem.js";
export { publicKeyOf, type SubjectPublicKey, whyKeyMayNotSign } from "./public-key.js";
