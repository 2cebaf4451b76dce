import { CanonicalReader, CanonicalWriter } from "./canonical-proto.js";
import { isBotName } from "./identity.js";
import type { Revocation, RevokedSubject } from "./revocations.js";

/** A revocation of the feed. */
export interface NumberedRevocation extends Revocation {
  /** No other revocation ever had this number. */
  readonly number: number;
}

/** Letters of a fingerprint in hex. */
const FINGERPRINT_LENGTH = 32;

/** The canonical bytes of a revocation. Throws a TypeError for a fingerprint or serial number that is not hex. */
export function encodeRevocation({ number, subject, until }: NumberedRevocation): Uint8Array {
  const writer = new CanonicalWriter().number(1, number);
  if (subject.kind === "token") writer.hex(2, subject.fingerprint);
  else if (subject.kind === "machine") writer.string(3, subject.fqdn);
  else if (subject.kind === "ca") writer.oneofInt64(5, subject.caId);
  else writer.bytes(4, new CanonicalWriter().number(1, subject.caId).hex(2, subject.certSn).finish());
  return writer.number(6, Number.isFinite(until) ? until : 0).finish();
}

/** Reads a revocation. Throws an Error that names what is wrong with it. */
export function decodeRevocation(bytes: Uint8Array): NumberedRevocation {
  const reader = new CanonicalReader(bytes);
  const number = reader.safeNumber(1);
  const subject = decodeSubject(reader);
  const until = reader.safeNumber(6) || Number.POSITIVE_INFINITY;
  reader.end();
  if (number === 0) throw new Error("a revocation has no number");
  return { number, subject, until };
}

/** A revocation that says nothing, or something that no token can match, is a mistake that must not go unnoticed. */
function decodeSubject(reader: CanonicalReader): RevokedSubject {
  const fingerprint = reader.hex(2);
  const fqdn = reader.string(3);
  const certificate = reader.bytes(4);
  const caId = reader.oneofInt64(5);
  const found: RevokedSubject[] = [];
  if (fingerprint.length === FINGERPRINT_LENGTH) found.push({ kind: "token", fingerprint });
  if (isBotName(fqdn)) found.push({ kind: "machine", fqdn });
  if (certificate.length > 0) found.push(decodeCertificate(certificate));
  if (caId !== undefined) found.push({ kind: "ca", caId });
  const said =
    [fingerprint, fqdn, certificate].filter(({ length }) => length > 0).length + (caId === undefined ? 0 : 1);
  const [subject] = found;
  if (subject === undefined || said > 1) throw new Error("a revocation does not revoke one thing");
  return subject;
}

function decodeCertificate(bytes: Uint8Array): RevokedSubject {
  const reader = new CanonicalReader(bytes);
  const [caId, certSn] = [reader.int64(1), reader.hex(2)];
  reader.end();
  if (certSn === "") throw new Error("a revoked certificate has no serial number");
  return { kind: "certificate", caId, certSn };
}
