import type { CertificateAuthorityConfig } from "@tokens/api/config";
import type { Certificate, CertificatePolicy } from "@tokens/pki";
import type { RequestPolicy } from "./request-policy.js";

/** Longest life that a domain may give its tokens, in seconds. */
export const MAX_LIFETIME_SECONDS = 86_400n;

/** What one domain gets. */
export interface DomainRule {
  readonly domain: string;
  /** Life of the tokens in seconds; undefined where the entry is there to forbid, or is unusable. */
  readonly lifetimeSeconds: number | undefined;
}

/** A revocation list that has to be fetched: of a CA, or of a CA below it. */
export interface ListSource {
  readonly listId: string;
  readonly url: string;
  /** The certificates of its issuer: one, or two while a CA changes its key. */
  readonly issuers: readonly Certificate[];
}

/** A CA whose machines may have tokens. */
export interface TrustedCa {
  readonly commonName: string;
  /** Stands in the tokens of this CA's machines. */
  readonly uniqueId: bigint;
  readonly certificate: Certificate;
  /** All its certificates: the one above, and the next one while it changes its key. */
  readonly anchors: readonly Certificate[];
  /** CAs below it that issue certificates of machines. */
  readonly intermediates: readonly Certificate[];
  /** How strictly the certificates of its machines are checked. */
  readonly checks: CertificatePolicy;
  /** How far their requests go beyond LUCI's protocol. */
  readonly requests: RequestPolicy;
  /** Its revocation lists and those of the CAs below it; none where revocation is not checked. */
  readonly lists: readonly ListSource[];
  /** In the order of the policy: the first that matches decides. */
  readonly domains: readonly DomainRule[];
  /** The entry in the policy, and the certificate files that it names, by path. */
  readonly config: CertificateAuthorityConfig;
  readonly files: Readonly<Record<string, string>>;
}

/** All trusted CAs by common name. */
export type CaPolicy = ReadonlyMap<string, TrustedCa>;
