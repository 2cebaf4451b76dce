import type { Certificate } from "@tokens/pki";

/** Longest life that a domain may give its tokens, in seconds. */
export const MAX_LIFETIME_SECONDS = 86_400n;

/** What one domain gets. */
export interface DomainRule {
  readonly domain: string;
  /** Life of the tokens in seconds; undefined where the entry is there to forbid, or is unusable. */
  readonly lifetimeSeconds: number | undefined;
}

/** A CA whose machines may have tokens. */
export interface TrustedCa {
  readonly commonName: string;
  /** Stands in the tokens of this CA's machines. */
  readonly uniqueId: bigint;
  readonly certificate: Certificate;
  /** Where its revocation list is; empty where revocation is not checked. */
  readonly crlUrl: string;
  /** In the order of the policy: the first that matches decides. */
  readonly domains: readonly DomainRule[];
}

/** All trusted CAs by common name. */
export type CaPolicy = ReadonlyMap<string, TrustedCa>;
