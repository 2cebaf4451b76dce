export { type Certificate, MAX_CERTIFICATE_BYTES, parseCertificate, parseCertificatePem } from "./certificate.js";
export { checkCertificate } from "./check-certificate.js";
export type { DistinguishedName, NameAttribute } from "./distinguished-name.js";
export { type CertificateCheckName, CertificateError, type CertificateErrorCode, MalformedInput } from "./errors.js";
export type { CertificateExtensions, KeyUsage } from "./extensions.js";
export { generateRsaKey, keyId } from "./key-pair.js";
export { publicKeyOf, type SubjectPublicKey, whyKeyMayNotSign } from "./public-key.js";
export type { SignatureAlgorithm } from "./signature.js";
