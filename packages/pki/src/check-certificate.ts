import type { Certificate } from "./certificate.js";
import type {
  CertificatePolicy,
  CertificateTrust,
  CheckedCertificate,
  CheckReport,
  RevocationCheck,
} from "./certificate-trust.js";
import { isEmptyName } from "./distinguished-name.js";
import { CERTIFICATE_CHECKS, type CertificateCheckName, CertificateError } from "./errors.js";
import { isValidAt, PATH_CHECKS } from "./path-profile.js";
import { type CertificatePath, searchPath } from "./path-search.js";
import { keepProof, provenPath } from "./proven-path.js";
import { verifySignature } from "./signature.js";

/**
 * Checks a machine's certificate as RFC 5280 §6 says: dates, a path of signatures up to a trusted CA, revocation, and
 * whether all of the path is fit for its purpose. Throws a CertificateError.
 */
export function checkCertificate(leaf: Certificate, trust: CertificateTrust, nowSeconds: number): CheckedCertificate {
  const proven = provenPath(leaf, trust, nowSeconds);
  if (proven && isNotRevoked(proven.path, trust.revocation)) return proven;
  const checked = checkPath(leaf, trust, nowSeconds, CERTIFICATE_CHECKS);
  keepProof(leaf, trust, checked, nowSeconds);
  return checked;
}

/** If not, there may be another path. */
function isNotRevoked(path: CertificatePath, revocation: RevocationCheck | undefined): boolean {
  try {
    requireNotRevoked(path, revocation);
    return true;
  } catch (error) {
    if (error instanceof CertificateError) return false;
    throw error;
  }
}

/** What only a machine's certificate must keep. */
const MACHINE_CHECKS: readonly CertificateCheckName[] = ["leaf_is_ca", "key_usage", "extended_key_usage"];
const OTHER_CHECKS = CERTIFICATE_CHECKS.filter((name) => !MACHINE_CHECKS.includes(name));

/** Checks a certificate whose key signs revocation lists (RFC 5280 §6.3.3 (f)). Throws a CertificateError. */
export function checkListSigner(signer: Certificate, trust: CertificateTrust, nowSeconds: number): CheckedCertificate {
  return checkPath(signer, trust, nowSeconds, OTHER_CHECKS);
}

function checkPath(
  leaf: Certificate,
  trust: CertificateTrust,
  nowSeconds: number,
  checks: readonly CertificateCheckName[],
): CheckedCertificate {
  requireValid(leaf, nowSeconds);
  if (isEmptyName(leaf.issuer)) throw new CertificateError("UNKNOWN_CA", "the certificate names no issuer");
  return searchPath(leaf, trust, {
    link: (certificate, issuer) => requireSigned(certificate, issuer, trust.policy),
    path: (path) => {
      // From here on: the CAs made these certificates.
      requireNotRevoked(path, trust.revocation);
      return { path, reports: applyChecks(checks, path, trust, nowSeconds) };
    },
  });
}

function requireValid(leaf: Certificate, nowSeconds: number): void {
  if (isValidAt(leaf, nowSeconds)) return;
  if (nowSeconds < leaf.notBeforeSeconds)
    throw new CertificateError("NOT_YET_VALID", "the certificate is not valid yet");
  throw new CertificateError("EXPIRED", "the certificate has expired");
}

/** The key is looked at first: signatures of some keys say nothing, and those of others take too long to check. */
function requireSigned(certificate: Certificate, issuer: Certificate, policy: CertificatePolicy): void {
  const fail = (reason: string) => new CertificateError("BAD_SIGNATURE", reason);
  if (!issuer.isCa) throw fail("the issuer is not a CA");
  if (issuer.keyUsage?.has("keyCertSign") === false) throw fail("the CA may not sign certificates");
  applyCheck("ca_key", [certificate, issuer], policy, 0);
  if (!certificate.signatureAlgorithm) throw fail("the certificate is signed with an algorithm that is not allowed");
  if (!verifySignature(certificate.signatureAlgorithm, issuer.publicKey, certificate.tbs, certificate.signature))
    throw fail("the signature is not the CA's");
}

function requireNotRevoked(path: CertificatePath, revocation: RevocationCheck | undefined): void {
  const [, issuer, ...above] = path;
  if (!revocation || !issuer) return;
  revocation(path);
  requireNotRevoked([issuer, ...above], revocation);
}

function applyChecks(
  names: readonly CertificateCheckName[],
  path: CertificatePath,
  { policy, revocation }: CertificateTrust,
  nowSeconds: number,
): CheckReport[] {
  const reports: CheckReport[] = [];
  for (const name of names) {
    if (name === "crl_issuer" && !revocation) continue;
    const report = applyCheck(name, path, policy, nowSeconds);
    if (report) reports.push(report);
  }
  return reports;
}

function applyCheck(
  name: CertificateCheckName,
  path: CertificatePath,
  policy: CertificatePolicy,
  nowSeconds: number,
): CheckReport | undefined {
  const state = policy[name] ?? "enforce";
  const reason = state === "off" ? undefined : PATH_CHECKS[name](path, nowSeconds);
  if (reason === undefined) return undefined;
  if (state === "enforce") throw new CertificateError("PROFILE", reason, name);
  return { policy: name, message: reason };
}
