import type { CertificateCheckName } from "./errors.js";
import type { CertificatePath, IssuerPool } from "./path-search.js";

/** What a failed check does: nothing, as it is not made; a report; a refusal. */
export type CheckState = "off" | "report" | "enforce";

/** How strictly certificates are checked; a check that is not named is enforced. */
export type CertificatePolicy = Readonly<Partial<Record<CertificateCheckName, CheckState>>>;

/** A check that failed and that the policy only reports. */
export interface CheckReport {
  readonly policy: CertificateCheckName;
  readonly message: string;
}

/** A certificate that is trusted, and why. */
export interface CheckedCertificate {
  /** From the certificate up to the trusted CA. */
  readonly path: CertificatePath;
  readonly reports: readonly CheckReport[];
}

/** Throws a CertificateError unless the first certificate of the path is known not to be revoked. */
export type RevocationCheck = (path: CertificatePath) => void;

/** Whom to trust, and how strictly to check. The policy is taken for the same as long as it is the same object. */
export interface CertificateTrust extends IssuerPool {
  readonly policy: CertificatePolicy;
  /** Asked about each certificate of a path but the topmost; without it revocation is not looked at. */
  readonly revocation?: RevocationCheck | undefined;
}
