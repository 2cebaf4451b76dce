import { constructedContextTag, contextTag, type DerReader, TAG } from "./der.js";

/** Where else to look: extensions that say where keys, lists and services are. Nothing here is fetched. */
export interface PointerExtensions {
  /** cRLDistributionPoints: whether every list about this certificate is one of another issuer. */
  readonly hasForeignLists: boolean;
}

/** RFC 5280 §4.2.1.13: a point without a cRLIssuer is a list of the certificate's own issuer. */
export function readDistributionPoints(value: DerReader): PointerExtensions {
  const what = "CRL distribution points";
  const list = value.enter(TAG.sequence, what);
  if (list.done) value.deviate(`${what}: none`);
  const foreign: boolean[] = [];
  while (!list.done) {
    const point = list.enter(TAG.sequence, what);
    readPointName(point, what);
    point.optional(contextTag(1), what);
    foreign.push(point.optional(constructedContextTag(2), what) !== undefined);
    point.end(what);
  }
  return { hasForeignLists: foreign.length > 0 && !foreign.includes(false) };
}

/** DistributionPointName: any number of full names, or one that is relative to the issuer's. */
function readPointName(point: DerReader, what: string): void {
  if (point.nextTag !== constructedContextTag(0)) return;
  const name = point.enter(constructedContextTag(0), what);
  const isRelative = name.nextTag === constructedContextTag(1);
  const names = name.enter(constructedContextTag(isRelative ? 1 : 0), what);
  name.end(what);
  do names.any(what);
  while (!names.done);
}

/** RFC 5280 §4.2.1.1: a hint for finding the issuer. Nothing here needs it. */
export function readAuthorityKeyIdentifier(value: DerReader): object {
  const what = "authority key identifier";
  const identifier = value.enter(TAG.sequence, what);
  identifier.optional(contextTag(0), what);
  identifier.optional(constructedContextTag(1), what);
  identifier.optional(contextTag(2), what);
  identifier.end(what);
  return {};
}

/** RFC 5280 §4.2.1.2: the same hint on the issuer's side. */
export function readSubjectKeyIdentifier(value: DerReader): object {
  value.read(TAG.octetString, "subject key identifier");
  return {};
}

/** RFC 5280 §4.2.2.1. */
export function readAuthorityInformationAccess(value: DerReader): object {
  const what = "authority information access";
  const list = value.enter(TAG.sequence, what);
  if (list.done) value.deviate(`${what}: none`);
  while (!list.done) {
    const description = list.enter(TAG.sequence, what);
    description.oid(what);
    description.any(what);
    description.end(what);
  }
  return {};
}
