import { type DerReader, TAG } from "./der.js";
import { MalformedInput } from "./errors.js";
import { readExtension } from "./extension.js";
import { type GeneralName, readGeneralNames } from "./general-name.js";
import { type KeyExtensions, readBasicConstraints, readExtendedKeyUsage, readKeyUsage } from "./key-extensions.js";
import { type NameConstraints, readNameConstraints } from "./name-constraints.js";
import {
  readAuthorityInformationAccess,
  readAuthorityKeyIdentifier,
  readDistributionPoints,
  readSubjectKeyIdentifier,
  type PointerExtensions,
} from "./pointer-extensions.js";
import {
  type PolicyExtensions,
  readInhibitAnyPolicy,
  readPolicies,
  readPolicyConstraints,
  readPolicyMappings,
} from "./policy-extensions.js";

/** What a certificate's extensions say (RFC 5280 §4.2). */
export interface CertificateExtensions extends KeyExtensions, PolicyExtensions, PointerExtensions {
  /** subjectAltName; undefined when absent. */
  readonly alternativeNames: readonly GeneralName[] | undefined;
  readonly nameConstraints: NameConstraints | undefined;
  /** Object identifiers of the extensions that are there, and of the critical ones among them. */
  readonly present: ReadonlySet<string>;
  readonly critical: ReadonlySet<string>;
  /** Object identifiers of the extensions that are critical and mean nothing to this package. */
  readonly unknownCritical: readonly string[];
}

/** Object identifiers of the extensions whose criticality matters. */
export const EXTENSION = {
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  certificatePolicies: "2.5.29.32",
  policyConstraints: "2.5.29.36",
  inhibitAnyPolicy: "2.5.29.54",
} as const;

/** The extensions that are understood, and so may be critical. */
const READERS: Record<string, (value: DerReader) => Partial<CertificateExtensions>> = {
  "2.5.29.15": readKeyUsage,
  [EXTENSION.subjectAltName]: readSubjectAltName,
  [EXTENSION.basicConstraints]: readBasicConstraints,
  [EXTENSION.nameConstraints]: (value) => ({ nameConstraints: readNameConstraints(value) }),
  "2.5.29.31": readDistributionPoints,
  [EXTENSION.certificatePolicies]: readPolicies,
  "2.5.29.33": readPolicyMappings,
  [EXTENSION.policyConstraints]: readPolicyConstraints,
  "2.5.29.37": readExtendedKeyUsage,
  [EXTENSION.inhibitAnyPolicy]: readInhibitAnyPolicy,
};

/** Extensions that only help to find things, and that no CA may mark as critical. */
const HINTS: Record<string, (value: DerReader) => object> = {
  "2.5.29.14": readSubjectKeyIdentifier,
  "2.5.29.35": readAuthorityKeyIdentifier,
  "1.3.6.1.5.5.7.1.1": readAuthorityInformationAccess,
};

/** What a certificate's extensions say before any is read. Written out: to spread a constant takes ten times as long. */
function nothingSaid(
  present: ReadonlySet<string>,
  critical: ReadonlySet<string>,
  unknownCritical: readonly string[],
): CertificateExtensions {
  return {
    isCa: false,
    pathLength: undefined,
    keyUsage: undefined,
    extendedKeyUsage: undefined,
    alternativeNames: undefined,
    nameConstraints: undefined,
    policies: undefined,
    hasUnknownQualifier: false,
    policyMappings: [],
    requireExplicitPolicy: undefined,
    inhibitPolicyMapping: undefined,
    inhibitAnyPolicy: undefined,
    hasForeignLists: false,
    present,
    critical,
    unknownCritical,
  };
}

/** Reads the extensions, or none. Each may be there once. Throws MalformedInput. */
export function readExtensions(list: DerReader | undefined): CertificateExtensions {
  const present = new Set<string>();
  const critical = new Set<string>();
  const unknownCritical: string[] = [];
  const said = nothingSaid(present, critical, unknownCritical);
  if (list?.done) list.deviate("extensions: none");
  while (list && !list.done) {
    const { oid, isCritical, value } = readExtension(list);
    if (present.has(oid)) throw new MalformedInput(`extension ${oid} is there twice`);
    present.add(oid);
    if (isCritical) critical.add(oid);
    const read = reader(oid, isCritical);
    if (read) {
      Object.assign(said, read(value));
      value.end(`extension ${oid}`);
    } else if (isCritical) unknownCritical.push(oid);
  }
  return said;
}

function reader(oid: string, isCritical: boolean): ((value: DerReader) => object) | undefined {
  if (Object.hasOwn(READERS, oid)) return READERS[oid];
  if (!Object.hasOwn(HINTS, oid)) return undefined;
  if (isCritical) throw new MalformedInput(`extension ${oid} is critical, which it never is`);
  return HINTS[oid];
}

/** RFC 5280 §4.2.1.6. */
function readSubjectAltName(value: DerReader): Pick<CertificateExtensions, "alternativeNames"> {
  const what = "subject alternative name";
  const list = value.enter(TAG.sequence, what);
  if (list.done) value.deviate(`${what}: none`);
  const alternativeNames = readGeneralNames(list, what);
  for (const name of alternativeNames) {
    if (name.form === "ip" && name.bytes.length !== 4 && name.bytes.length !== 16)
      throw new MalformedInput(`${what}: an IP address of ${name.bytes.length} bytes`);
  }
  return { alternativeNames };
}
