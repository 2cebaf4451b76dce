import { isSafeIssuerUrl } from "../access/oidc-issuer.js";
import { type GoogleIdentity, googleTokens } from "../google/google-tokens.js";
import type { Signer } from "../keys/signer.js";
import { AccountCredentials, isDomainPattern } from "./account-credentials.js";
import { builtInIssuer } from "./built-in-issuer.js";
import { type CredentialBackend, CredentialRefused } from "./credential-backend.js";
import { cachedCredentials } from "./credential-cache.js";
import { GOOGLE_IAM_ENDPOINT, googleIam } from "./google-iam.js";

/** Whose tokens Google makes. */
export interface GoogleAccounts {
  /** Domains of accounts, or `*.<domain>` for all below one. */
  readonly domains: readonly string[];
  /** Who this server is at Google. */
  readonly identity: GoogleIdentity;
  /** Where the IAM Service Account Credentials API is. Default: where Google has it. */
  readonly endpoint?: string | undefined;
}

/** What is wrong with these settings; undefined if nothing is. */
export function googleAccountsProblem({ domains, endpoint = GOOGLE_IAM_ENDPOINT }: GoogleAccounts): string | undefined {
  const bad = domains.find((domain) => !isDomainPattern(domain));
  if (bad !== undefined)
    return `${JSON.stringify(bad)} is not a domain in lower case, like example.com or *.example.com`;
  if (!isSafeIssuerUrl(endpoint)) return `${JSON.stringify(endpoint)} must be an https URL, or http on 127.0.0.1`;
  return undefined;
}

/** Who makes the tokens of service accounts. */
export interface CredentialSettings {
  /** URL of this server as an issuer. Without one it makes no tokens itself. Throws Unavailable. */
  readonly publicUrl?: (() => string) | undefined;
  /** Who accepts the access tokens that it makes itself. Default: its URL. */
  readonly accessTokenAudience?: string | undefined;
  readonly googleAccounts?: GoogleAccounts;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

const noUrl = (): string => {
  throw new CredentialRefused("REFUSED", "this server has no public URL, and makes no tokens of its own");
};

/**
 * What makes the tokens of all service accounts; `signer` signs JWTs. Throws a TypeError for accounts at Google that cannot
 * be served.
 */
export function openCredentials(
  { publicUrl: issuer = noUrl, accessTokenAudience, googleAccounts, clock }: CredentialSettings,
  signer: () => Signer,
): CredentialBackend {
  const otherwise = builtInIssuer({ issuer, accessTokenAudience, signer, clock });
  return new AccountCredentials({ byDomain: googleBackends(googleAccounts, clock), otherwise, clock });
}

function googleBackends(
  google: GoogleAccounts | undefined,
  clock: () => number,
): ReadonlyMap<string, CredentialBackend> {
  if (!google || google.domains.length === 0) return new Map();
  const problem = googleAccountsProblem(google);
  if (problem !== undefined) throw new TypeError(problem);
  const { domains, identity, endpoint = GOOGLE_IAM_ENDPOINT } = google;
  const backend = googleIam({ endpoint: endpoint.replace(/\/+$/, ""), tokens: googleTokens(identity, clock), clock });
  const cached = cachedCredentials(backend, clock);
  return new Map(domains.map((domain) => [domain, cached]));
}
