import { type KeyObject, X509Certificate } from "node:crypto";
import { TRUST_BUNDLE_KEY_USAGE } from "@tokens/machine-auth/trust-bundle";
import type { SignBytes } from "./key-backend.js";
import type { KeyPurpose } from "./key-store.js";
import type { Signer } from "./signer.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Verifiers whose clocks are behind by this much take a new certificate. */
const BACKDATED_MS = HOUR_MS;

/** Life of certificates. That of the CA is long, for verifiers pin it; the others are renewed by themselves. */
const CA_LIFE_MS = 20 * 365 * DAY_MS;
const KEY_LIFE_MS = 400 * DAY_MS;
const RENEWED_BEFORE_MS = 100 * DAY_MS;

/** A public key and what it is for. */
export interface UncertifiedKey {
  readonly publicKey: KeyObject;
  readonly purpose: KeyPurpose;
  /** Who owns the keys: e-mail of the service account. */
  readonly owner: string;
}

/** The certificate of the token-signing CA, signed with its own key, in PEM. */
export async function certifyAuthority(key: UncertifiedKey, sign: SignBytes, nowMs: number): Promise<string> {
  // Loaded where it is needed alone: what writes certificates is large.
  const { createSigningAuthority, toPem } = await import("@tokens/pki/x509");
  const options = { commonName: `token-signing CA of ${key.owner}`, ...validity(nowMs, CA_LIFE_MS) };
  return toPem("CERTIFICATE", await createSigningAuthority({ publicKey: key.publicKey, sign }, options));
}

/** The certificate of any other key by the token-signing CA, in PEM. Rejects with SignerUnavailable. */
export async function certifyKey(key: UncertifiedKey, authority: Signer, nowMs: number): Promise<string> {
  const { issueSigningCertificate, toPem } = await import("@tokens/pki/x509");
  const ca = new X509Certificate(authority.certificatePem);
  const issuer = { certificate: ca.raw, publicKey: ca.publicKey, sign: (bytes: Uint8Array) => authority.sign(bytes) };
  const extendedKeyUsage = key.purpose === "bundle" ? TRUST_BUNDLE_KEY_USAGE : undefined;
  const options = { commonName: key.owner, extendedKeyUsage, ...validity(nowMs, KEY_LIFE_MS) };
  return toPem("CERTIFICATE", await issueSigningCertificate(issuer, key.publicKey, options));
}

/** Whether a key needs a new certificate: the CA did not make it, or its time comes to an end. */
export function needsCertificate(certificatePem: string, authorityPem: string, nowMs: number): boolean {
  const [certificate, ca] = [new X509Certificate(certificatePem), new X509Certificate(authorityPem)];
  if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) return true;
  return !(Date.parse(certificate.validTo) - nowMs > RENEWED_BEFORE_MS);
}

function validity(nowMs: number, lifeMs: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(nowMs - BACKDATED_MS), notAfter: new Date(nowMs + lifeMs) };
}
