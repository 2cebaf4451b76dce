import { hash } from "node:crypto";
import { type Certificate, parseCertificate } from "@tokens/pki";

/** Most certificates in each of the two generations; a certificate and what is known of it take some 10 KiB. */
const GENERATION_ENTRIES = 5_000;

/**
 * Certificates of machines that were trusted lately, read once. Only what never changes is remembered: what stands in
 * them, and with them their imported keys and the CAs that are known to have signed them. Dates, revocation and the policy
 * are looked at for each request. Of two generations the older is dropped when the younger is full.
 */
export class CertificateCache {
  #young = new Map<string, Certificate>();
  #old = new Map<string, Certificate>();
  /** Spares a second look at the bytes of those that are there already. */
  readonly #kept = new WeakSet<Certificate>();
  readonly #generationEntries: number;

  constructor(generationEntries: number = GENERATION_ENTRIES) {
    this.#generationEntries = generationEntries;
  }

  /** Reads a certificate in DER, or finds it. Throws MalformedInput. */
  read(der: Uint8Array): Certificate {
    const digest = digestOf(der);
    const known = this.#young.get(digest) ?? this.#old.get(digest);
    // A copy: the request that it came in must not stay in memory with it.
    return known ?? parseCertificate(Uint8Array.from(der));
  }

  /** Keeps a certificate that proved to be trusted: strangers must not fill the cache. */
  remember(certificate: Certificate): void {
    if (this.#kept.has(certificate)) return;
    this.#kept.add(certificate);
    if (this.#young.size >= this.#generationEntries) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(digestOf(certificate.der), certificate);
  }
}

function digestOf(der: Uint8Array): string {
  return hash("sha256", der, "binary");
}
