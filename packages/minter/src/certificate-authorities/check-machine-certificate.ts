import {
  type Certificate,
  CertificateError,
  checkCertificate,
  type CheckReport,
  type RevocationCheck,
} from "@tokens/pki";
import type { CaPolicy, TrustedCa } from "./ca-policy.js";

/** The revocation lists that were taken. */
export interface RevocationLists {
  /** A list, or undefined while none was ever taken. */
  find(listId: string): RevocationList | undefined;
  /** Why there is no list, or none in force, for the log. */
  whyNone?(listId: string): string;
}

/** The certificates that a CA has revoked. */
export interface RevocationList {
  /** Last second, in Unix time, at which the list is in force. */
  readonly inForceUntilSeconds: number;
  /** Whether a serial number is revoked: unsigned, big-endian, without leading zeros. */
  has(serial: Uint8Array): boolean;
}

/** Whether there is a list, and its time is not over. */
export function isInForce(list: RevocationList | undefined, nowSeconds: number): boolean {
  return list !== undefined && nowSeconds <= list.inForceUntilSeconds;
}

/** A certificate that its CA vouches for. */
export interface TrustedCertificate {
  readonly certificate: Certificate;
  readonly ca: TrustedCa;
  /** Checks that it fails and that the CA's policy only reports. */
  readonly reports: readonly CheckReport[];
}

/**
 * Checks a machine's certificate against the CA that issued it: known CA, dates, signatures, revocation, profile. Throws a
 * CertificateError; the caller of the RPC learns nothing of it but that the certificate is not trusted.
 */
export function checkMachineCertificate(
  certificate: Certificate,
  policy: CaPolicy,
  revocations: RevocationLists,
  nowSeconds: number,
): TrustedCertificate {
  const ca = findCa(certificate, policy);
  const { anchors, intermediates, checks } = ca;
  const revocation = revocationOf(ca, revocations, nowSeconds);
  const { reports } = checkCertificate(certificate, { anchors, intermediates, policy: checks, revocation }, nowSeconds);
  return { certificate, ca, reports };
}

/** By the issuer's common name, as LUCI's server does; else by a CA below one that is trusted. */
function findCa({ issuer }: Certificate, policy: CaPolicy): TrustedCa {
  const [commonName, ...more] = issuer.commonNames;
  if (commonName === undefined || more.length > 0) {
    throw new CertificateError("UNKNOWN_CA", "the issuer does not have exactly one common name");
  }
  const ca = policy.get(commonName) ?? findAbove(commonName, policy);
  if (!ca) throw new CertificateError("UNKNOWN_CA", `no such CA ${JSON.stringify(commonName)}`);
  return ca;
}

function findAbove(commonName: string, policy: CaPolicy): TrustedCa | undefined {
  for (const ca of policy.values()) {
    if (ca.intermediates.some(({ subject }) => subject.commonNames.includes(commonName))) return ca;
  }
  return undefined;
}

/** Without lists revocation is not checked; an issuer without one among those that have is not either. */
function revocationOf(ca: TrustedCa, revocations: RevocationLists, nowSeconds: number): RevocationCheck | undefined {
  if (ca.lists.length === 0) return undefined;
  return ([{ serial, serialMagnitude }, issuer]) => {
    const source = ca.lists.find(({ issuers }) => issuer !== undefined && issuers.includes(issuer));
    if (!source) return;
    const list = revocations.find(source.listId);
    if (list?.has(serialMagnitude))
      throw new CertificateError("REVOKED", `certificate ${serial.toString(16)} has been revoked`);
    if (isInForce(list, nowSeconds)) return;
    const why = revocations.whyNone?.(source.listId) ?? "none was taken";
    throw new CertificateError("CRL_NOT_READY", `no CRL of CA ${JSON.stringify(source.listId)} is in force: ${why}`);
  };
}
