import type { Certificate } from "./certificate.js";
import { namesMatch } from "./distinguished-name.js";
import { type CertificateCheckName, CertificateError } from "./errors.js";
import { whyKeyMayNotSign } from "./public-key.js";
import { verifySignature } from "./signature.js";

/** Most octets of a serial number, RFC 5280 §4.1.2.2. */
const MAX_SERIAL_OCTETS = 20;

const ANY_USE = "2.5.29.37.0";
const SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTHENTICATION = "1.3.6.1.5.5.7.3.2";
const MACHINE_USES = [CLIENT_AUTHENTICATION, SERVER_AUTHENTICATION, ANY_USE];

/** A check: why the certificate fails it, or undefined. */
type Check = (leaf: Certificate, ca: Certificate, nowSeconds: number) => string | undefined;
type NamedCheck = readonly [name: CertificateCheckName, check: Check];

const when = (failed: boolean, reason: string) => (failed ? reason : undefined);

/** Whether the certificate is what it says: made before anything expensive. */
const BEFORE_SIGNATURE: readonly NamedCheck[] = [
  ["issuer_name", (leaf, ca) => when(!namesMatch(leaf.issuer, ca.subject), "the issuer is not the CA's whole name")],
  ["ca_key", (_, ca) => prefixed("the CA has ", whyKeyMayNotSign(ca.publicKey))],
];

/** Whether the certificate is fit for a machine. */
const AFTER_SIGNATURE: readonly NamedCheck[] = [
  ["ca_validity", (_, ca, now) => when(!isValidAt(ca, now), "the CA certificate is not valid now")],
  ["leaf_is_ca", (leaf) => when(leaf.isCa, "the certificate is one of a CA")],
  ["name_constraints", (_, ca) => when(ca.hasNameConstraints, "the CA has name constraints, which are not supported")],
  ["critical_extension", (leaf, ca) => unknownCritical("the certificate", leaf) ?? unknownCritical("the CA", ca)],
  [
    "key_usage",
    ({ keyUsage }) => when(keyUsage?.has("digitalSignature") === false, "key usage lacks digitalSignature"),
  ],
  ["extended_key_usage", ({ extendedKeyUsage }) => whyNotForMachines(extendedKeyUsage)],
  [
    "serial_length",
    (leaf) => when(leaf.serialMagnitude.length > MAX_SERIAL_OCTETS, "the serial number has more than 20 octets"),
  ],
  ["leaf_key", (leaf) => prefixed("the certificate has ", whyKeyMayNotSign(leaf.publicKey))],
];

/**
 * Checks a machine's certificate against the CA that should have issued it: dates, names, signature, and whether both are
 * fit for their purpose. Revocation is not looked at. Throws a CertificateError.
 */
export function checkCertificate(leaf: Certificate, ca: Certificate, nowSeconds: number): void {
  checkValidity(leaf, nowSeconds);
  if (!shareCommonName(leaf, ca))
    throw new CertificateError("UNKNOWN_CA", "the issuer does not have the CA's common name");
  enforce(BEFORE_SIGNATURE, leaf, ca, nowSeconds);
  checkSignature(leaf, ca);
  // From here on: the CA made this certificate.
  enforce(AFTER_SIGNATURE, leaf, ca, nowSeconds);
}

function checkValidity(leaf: Certificate, nowSeconds: number): void {
  if (isValidAt(leaf, nowSeconds)) return;
  if (nowSeconds < leaf.notBeforeSeconds)
    throw new CertificateError("NOT_YET_VALID", "the certificate is not valid yet");
  throw new CertificateError("EXPIRED", "the certificate has expired");
}

/** Both ends are included. Written so that a time that is not a number is never within. */
function isValidAt({ notBeforeSeconds, notAfterSeconds }: Certificate, nowSeconds: number): boolean {
  return notBeforeSeconds <= nowSeconds && nowSeconds <= notAfterSeconds;
}

function shareCommonName({ issuer }: Certificate, { subject }: Certificate): boolean {
  const [name] = issuer.commonNames;
  return (
    name !== undefined &&
    issuer.commonNames.length === 1 &&
    subject.commonNames.length === 1 &&
    subject.commonNames[0] === name
  );
}

function checkSignature(leaf: Certificate, ca: Certificate): void {
  const fail = (reason: string) => new CertificateError("BAD_SIGNATURE", reason);
  if (!ca.isCa) throw fail("the issuer is not a CA");
  if (ca.keyUsage?.has("keyCertSign") === false) throw fail("the CA may not sign certificates");
  if (!leaf.signatureAlgorithm) throw fail("the certificate is signed with an algorithm that is not allowed");
  if (!verifySignature(leaf.signatureAlgorithm, ca.publicKey, leaf.tbs, leaf.signature)) {
    throw fail("the signature is not the CA's");
  }
}

function enforce(checks: readonly NamedCheck[], leaf: Certificate, ca: Certificate, nowSeconds: number): void {
  for (const [name, check] of checks) {
    const reason = check(leaf, ca, nowSeconds);
    if (reason !== undefined) throw new CertificateError("PROFILE", reason, name);
  }
}

function prefixed(prefix: string, reason: string | undefined): string | undefined {
  return reason === undefined ? undefined : prefix + reason;
}

function unknownCritical(what: string, { unknownCritical: found }: Certificate): string | undefined {
  return when(found.length > 0, `${what} has unknown critical extensions: ${found.join(", ")}`);
}

function whyNotForMachines(uses: readonly string[] | undefined): string | undefined {
  const fits = uses === undefined || uses.some((use) => MACHINE_USES.includes(use));
  return when(!fits, "extended key usage lacks clientAuth, serverAuth and any");
}
