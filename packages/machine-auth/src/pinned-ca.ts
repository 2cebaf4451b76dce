import type { X509Certificate } from "node:crypto";
import { readCertificate } from "./signing-key.js";

/** The CAs of which one must have certified whoever signs. */
export type PinnedCa = readonly X509Certificate[];

/** Longest chain between a signer and a pinned CA, in certificates. */
const MAX_CHAIN_LENGTH = 4;

/** Reads CA certificates in PEM, one after the other. Throws a TypeError that names what is wrong. */
export function readPinnedCa(pem: string): PinnedCa {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new TypeError("the pinned CA is not a certificate in PEM");
  return blocks.map((block) => {
    const certificate = readCertificate(Buffer.from(block.replaceAll(/-----[^-]+-----|\s/g, ""), "base64"));
    if (!certificate) throw new TypeError("a certificate of the pinned CA cannot be read");
    if (!certificate.ca) throw new TypeError(`the pinned certificate is not one of a CA: ${certificate.subject}`);
    return certificate;
  });
}

/**
 * Throws an Error unless a pinned CA vouches for the first certificate, through the ones behind it or not, and all of them
 * are in force.
 */
export function requireChain(certificates: readonly X509Certificate[], pinned: PinnedCa, nowMs: number): void {
  for (const [at, certificate] of certificates.slice(0, MAX_CHAIN_LENGTH).entries()) {
    requireInForce(certificate, nowMs);
    if (at > 0 && !certificate.ca) throw new Error("the certificate chain goes through a certificate that is no CA's");
    const issuer = pinned.find((ca) => isIssuedBy(certificate, ca));
    if (issuer) return requireInForce(issuer, nowMs);
    const next = certificates[at + 1];
    if (!next || !isIssuedBy(certificate, next)) break;
  }
  throw new Error("the signer is not certified by the pinned CA");
}

function isIssuedBy(certificate: X509Certificate, ca: X509Certificate): boolean {
  return certificate.checkIssued(ca) && certificate.verify(ca.publicKey);
}

/** Written so that a date that cannot be read is refused. */
function requireInForce({ validFrom, validTo, subject }: X509Certificate, nowMs: number): void {
  if (Date.parse(validFrom) <= nowMs && nowMs <= Date.parse(validTo)) return;
  throw new Error(`the certificate of ${subject} is in force from ${validFrom} to ${validTo} only`);
}
