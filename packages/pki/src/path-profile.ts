import type { Certificate } from "./certificate.js";
import { isEmptyName, namesMatch } from "./distinguished-name.js";
import type { CertificateCheckName } from "./errors.js";
import { EXTENSION } from "./extensions.js";
import { whyNamesForbidden } from "./name-constraints.js";
import { hostNamesOf, namesOf } from "./name-forms.js";
import type { CertificatePath } from "./path-search.js";
import { keepsPolicies } from "./policy-graph.js";
import { whyKeyMayNotSign } from "./public-key.js";

/** Most octets of a serial number, RFC 5280 §4.1.2.2. */
const MAX_SERIAL_OCTETS = 20;

const ANY_USE = "2.5.29.37.0";
/** Authentication of clients and of servers. */
const MACHINE_USES = ["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"];

/** Why a path fails a check; undefined if it passes. */
type PathCheck = (path: CertificatePath, nowSeconds: number) => string | undefined;

const when = (failed: boolean, reason: string) => (failed ? reason : undefined);
const cas = ([, ...issuers]: CertificatePath) => issuers;
const issued = (path: CertificatePath) => path.slice(0, -1);

/** The first reason that a certificate gives, with the certificate's name in front. */
function first(
  certificates: readonly Certificate[],
  path: CertificatePath,
  why: (certificate: Certificate) => string | undefined,
): string | undefined {
  for (const certificate of certificates) {
    const reason = why(certificate);
    if (reason !== undefined) return `${called(certificate, path)} ${reason}`;
  }
  return undefined;
}

function called(certificate: Certificate, [leaf]: CertificatePath): string {
  return certificate === leaf ? "the certificate" : `CA ${JSON.stringify(certificate.subject.commonNames.join(", "))}`;
}

/** Both ends are included. Written so that a time that is not a number is never within. */
export function isValidAt({ notBeforeSeconds, notAfterSeconds }: Certificate, nowSeconds: number): boolean {
  return notBeforeSeconds <= nowSeconds && nowSeconds <= notAfterSeconds;
}

/** Every check of a path but the dates of the machine's certificate, the signatures and revocation. */
export const PATH_CHECKS: Record<CertificateCheckName, PathCheck> = {
  encoding: (path) =>
    first(path, path, ({ deviations: [deviation] }) => deviation && `is not strict DER: ${deviation}`),
  version: (path) => first(issued(path), path, ({ version }) => when(version !== 3, `is of version ${version}, not 3`)),
  issuer_name: (path) => when(!isNamedByIssuer(path), "the issuer is not the CA's whole name"),
  ca_key: (path) => first(cas(path), path, ({ publicKey }) => prefixed("has ", whyKeyMayNotSign(publicKey))),
  ca_validity: (path, now) => first(cas(path), path, (ca) => when(!isValidAt(ca, now), "is not valid now")),
  leaf_is_ca: ([{ isCa, pathLength }]) =>
    when(isCa || pathLength !== undefined, `the certificate ${isCa ? "is one" : "has the path length"} of a CA`),
  path_length: whyTooLong,
  name_constraints: whyNamesBroken,
  certificate_policies: (path) =>
    when(!keepsPolicies(issued(path).toReversed()), "the certificate policies are none that the CAs allow"),
  critical_extension: (path) => first(path, path, whyUnknown),
  extension_criticality: (path) => first(path, path, (certificate) => whyMarkedWrongly(certificate, path)),
  key_usage: ([leaf]) => whyMisused(leaf),
  extended_key_usage: whyNotForMachines,
  serial_length: (path) =>
    first(issued(path), path, ({ serialMagnitude: { length } }) =>
      when(length > MAX_SERIAL_OCTETS, `has a serial number of ${length} octets, where 20 are allowed`),
    ),
  leaf_key: ([leaf]) => prefixed("the certificate has ", whyKeyMayNotSign(leaf.publicKey)),
  crl_issuer: (path) =>
    first(issued(path), path, ({ hasForeignLists }) => when(hasForeignLists, "is in revocation lists of others only")),
};

function prefixed(prefix: string, reason: string | undefined): string | undefined {
  return reason === undefined ? undefined : prefix + reason;
}

/** Between CAs the search has made sure of it. */
function isNamedByIssuer([leaf, issuer]: CertificatePath): boolean {
  return issuer !== undefined && namesMatch(leaf.issuer, issuer.subject);
}

/** RFC 5280 §4.2.1.3 and §4.2.1.9: only a CA may sign certificates. */
function whyMisused({ keyUsage, isCa }: Certificate): string | undefined {
  if (keyUsage?.has("digitalSignature") === false) return "key usage lacks digitalSignature";
  return when(keyUsage?.has("keyCertSign") === true && !isCa, "key usage has keyCertSign, which is for CAs");
}

const isSelfIssued = ({ issuer, subject }: Certificate) => namesMatch(issuer, subject);

/** RFC 5280 §6.1.4 (l), (m): certificates with which a CA changes its own key do not count. */
function whyTooLong(path: CertificatePath): string | undefined {
  let below = 0;
  for (const ca of cas(path)) {
    if (below > (ca.pathLength ?? Infinity))
      return `${called(ca, path)} allows ${ca.pathLength} CAs below it, not ${below}`;
    if (!isSelfIssued(ca)) below++;
  }
  return undefined;
}

/** RFC 5280 §6.1.3 (b), (c): each CA's constraints hold for all below, but for what it issued to itself on the way. */
function whyNamesBroken(path: CertificatePath): string | undefined {
  const [leaf] = path;
  if (leaf.nameConstraints && !leaf.isCa) return "the certificate has name constraints, but is not one of a CA";
  for (const [index, { nameConstraints }] of path.entries()) {
    if (!nameConstraints) continue;
    const below = path.slice(0, index).filter((certificate) => certificate === leaf || !isSelfIssued(certificate));
    const reason = first(below, path, (certificate) => {
      const names = [...namesOf(certificate), ...(certificate === leaf ? hostNamesOf(leaf) : [])];
      return prefixed("breaks name constraints: ", whyNamesForbidden(nameConstraints, names));
    });
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** RFC 5280 §4.2: what is critical must be understood, qualifiers of policies included (§4.2.1.4). */
function whyUnknown({ unknownCritical, critical, hasUnknownQualifier }: Certificate): string | undefined {
  if (unknownCritical.length > 0) return `has unknown critical extensions: ${unknownCritical.join(", ")}`;
  const isQualified = hasUnknownQualifier && critical.has(EXTENSION.certificatePolicies);
  return when(isQualified, "has critical certificate policies with an unknown qualifier");
}

/**
 * Extensions that RFC 5280 §4.2.1 demands to be critical, so that nobody skips them. Of basicConstraints only where it is
 * the operator's own choice to trust the CA: §6.1.4 (k) takes them as they are.
 */
const CA_MUST_MARK = [EXTENSION.nameConstraints, EXTENSION.policyConstraints, EXTENSION.inhibitAnyPolicy];

function whyMarkedWrongly(certificate: Certificate, path: CertificatePath): string | undefined {
  const { present, critical, subject } = certificate;
  const must: string[] = certificate === path[0] ? [] : [...CA_MUST_MARK];
  if (certificate === path.at(-1)) must.push(EXTENSION.basicConstraints);
  if (isEmptyName(subject)) must.push(EXTENSION.subjectAltName);
  const unmarked = must.find((oid) => present.has(oid) && !critical.has(oid));
  if (unmarked !== undefined) return `has extension ${unmarked}, which must be critical and is not`;
  // §4.1.2.6: then the names are in subjectAltName.
  return when(isEmptyName(subject) && !present.has(EXTENSION.subjectAltName), "names nobody");
}

/** Some use that is right for a machine must be allowed all the way up; a CA that names no use allows all. */
function whyNotForMachines(path: CertificatePath): string | undefined {
  const allows = ({ extendedKeyUsage: uses }: Certificate, use: string) =>
    uses === undefined || uses.includes(use) || uses.includes(ANY_USE);
  if (MACHINE_USES.some((use) => path.every((certificate) => allows(certificate, use)))) return undefined;
  if (MACHINE_USES.some((use) => allows(path[0], use)))
    return "the CAs do not allow the certificate's extended key usage";
  return "extended key usage lacks clientAuth, serverAuth and any";
}
