import { type Certificate, parseCertificate } from "@tokens/pki";

/** Most certificates in each of the two generations; a certificate and what is known of it take some 10 KiB. */
const GENERATION_ENTRIES = 5_000;

/** Bytes at the end of a certificate that it is looked up by: they lie in the signature, which its CA made. */
const TAIL_BYTES = 4;

/**
 * Certificates of machines that were trusted lately, read once. Only what never changes is remembered: what stands in
 * them, and with them their imported keys and the CAs that are known to have signed them. Dates, revocation and the policy
 * are looked at for each request. Of two generations the older is dropped when the younger is full.
 */
export class CertificateCache {
  #young = new Map<number, Certificate>();
  #old = new Map<number, Certificate>();
  readonly #generationEntries: number;

  constructor(generationEntries: number = GENERATION_ENTRIES) {
    this.#generationEntries = generationEntries;
  }

  /** Reads a certificate in DER, or finds it. Throws MalformedInput. */
  read(der: Uint8Array): Certificate {
    const known = this.#find(tailOf(der));
    if (known && Buffer.compare(known.der, der) === 0) return known;
    // A copy: the request that it came in must not stay in memory with it.
    return parseCertificate(Uint8Array.from(der));
  }

  /** Keeps a certificate that proved to be trusted: strangers must not fill the cache. */
  remember(certificate: Certificate): void {
    const tail = tailOf(certificate.der);
    if (this.#find(tail) === certificate) return;
    if (this.#young.size >= this.#generationEntries) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(tail, certificate);
  }

  #find(tail: number): Certificate | undefined {
    return this.#young.get(tail) ?? this.#old.get(tail);
  }
}

/** As a number. Of two certificates with the same one the later takes the place of the other: it is read anew. */
function tailOf(der: Uint8Array): number {
  let tail = 0;
  for (let index = Math.max(0, der.length - TAIL_BYTES); index < der.length; index++)
    tail = (tail << 8) | (der[index] ?? 0);
  return tail;
}
