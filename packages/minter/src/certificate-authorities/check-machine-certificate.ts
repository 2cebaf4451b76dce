import { type Certificate, CertificateError, checkCertificate } from "@tokens/pki";
import type { CaPolicy, TrustedCa } from "./ca-policy.js";

/** The revocation lists in force, one per CA. */
export interface RevocationLists {
  /** The list of a CA, or undefined while none is in force. */
  find(caCommonName: string): RevocationList | undefined;
}

/** The certificates that a CA has revoked. */
export interface RevocationList {
  has(serial: bigint): boolean;
}

/** A certificate that its CA vouches for. */
export interface TrustedCertificate {
  readonly certificate: Certificate;
  readonly ca: TrustedCa;
}

/**
 * Checks a machine's certificate against the CA that issued it: known CA, dates, names, signature, profile, revocation.
 * Throws a CertificateError; the caller of the RPC learns nothing of it but that the certificate is not trusted.
 */
export function checkMachineCertificate(
  certificate: Certificate,
  policy: CaPolicy,
  revocations: RevocationLists,
  nowSeconds: number,
): TrustedCertificate {
  const ca = findCa(certificate, policy);
  checkCertificate(certificate, { anchors: [ca.certificate], intermediates: [], policy: {} }, nowSeconds);
  requireNotRevoked(certificate, ca, revocations);
  return { certificate, ca };
}

function findCa({ issuer }: Certificate, policy: CaPolicy): TrustedCa {
  const [commonName, ...more] = issuer.commonNames;
  if (commonName === undefined || more.length > 0) {
    throw new CertificateError("UNKNOWN_CA", "the issuer does not have exactly one common name");
  }
  const ca = policy.get(commonName);
  if (!ca) throw new CertificateError("UNKNOWN_CA", `no such CA ${JSON.stringify(commonName)}`);
  return ca;
}

function requireNotRevoked({ serial }: Certificate, ca: TrustedCa, revocations: RevocationLists): void {
  if (ca.crlUrl === "") return;
  const list = revocations.find(ca.commonName);
  if (!list) throw new CertificateError("CRL_NOT_READY", `no CRL of CA ${JSON.stringify(ca.commonName)} is in force`);
  if (list.has(serial)) throw new CertificateError("REVOKED", `certificate ${serial.toString(16)} has been revoked`);
}
