/** Bytes that are not what they should be. The message says what was malformed, and never repeats the bytes. */
export class MalformedInput extends Error {
  override name = "MalformedInput";
}

/** Why a certificate is not trusted. PROFILE: it breaks one of the checks of {@link CertificateCheckName}. */
export type CertificateErrorCode =
  "UNKNOWN_CA" | "CRL_NOT_READY" | "NOT_YET_VALID" | "EXPIRED" | "BAD_SIGNATURE" | "REVOKED" | "PROFILE";

/** The checks of a certificate that LUCI's token server does not make, by name. */
export const CERTIFICATE_CHECKS = [
  "encoding",
  "version",
  "issuer_name",
  "ca_key",
  "ca_validity",
  "leaf_is_ca",
  "path_length",
  "name_constraints",
  "certificate_policies",
  "critical_extension",
  "extension_criticality",
  "key_usage",
  "extended_key_usage",
  "serial_length",
  "leaf_key",
  "crl_issuer",
] as const;

/** One of {@link CERTIFICATE_CHECKS}. */
export type CertificateCheckName = (typeof CERTIFICATE_CHECKS)[number];

/** A certificate that is not trusted. */
export class CertificateError extends Error {
  override name = "CertificateError";
  readonly code: CertificateErrorCode;
  /** The check that failed, when the code is PROFILE. */
  readonly policy: CertificateCheckName | undefined;

  constructor(code: CertificateErrorCode, message: string, policy?: CertificateCheckName, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.policy = policy;
  }
}

/** Why a revocation list is not taken. PROFILE: it breaks one of the checks of {@link CrlCheckName}. */
export type CrlErrorCode = "BAD_SIGNATURE" | "NOT_YET_VALID" | "EXPIRED" | "PROFILE";

/** The checks of a revocation list that LUCI's token server does not make, by name. */
export type CrlCheckName =
  | "issuer_name"
  | "ca_key"
  | "key_usage"
  | "signature_algorithm"
  | "critical_extension"
  | "delta"
  | "partitioned"
  | "indirect"
  | "future_date"
  | "max_age";

/** A revocation list that is not taken. */
export class CrlError extends Error {
  override name = "CrlError";
  readonly code: CrlErrorCode;
  /** The check that failed, if LUCI's server does not make it. */
  readonly policy: CrlCheckName | undefined;

  constructor(code: CrlErrorCode, message: string, policy?: CrlCheckName) {
    super(message);
    this.code = code;
    this.policy = policy;
  }
}
