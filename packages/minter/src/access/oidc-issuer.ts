import { isCanonicalDomain } from "../domain-name.js";

/** An OpenID issuer whose users may call. */
export interface OidcIssuer {
  /** Its name in tokens, exactly, and where its keys are found. */
  readonly issuer: string;
  /** The audience that its tokens for us have. */
  readonly audience: string;
  /** The e-mail domains that it vouches for, subdomains not included. Undefined: all. */
  readonly domains: readonly string[] | undefined;
}

/**
 * What is wrong with the issuers that an operator wants to trust; undefined if nothing is. As soon as there are two, each
 * must say for which domains it vouches: otherwise each could make users of the other's.
 */
export function oidcIssuersProblem(issuers: readonly OidcIssuer[]): string | undefined {
  const several = new Set(issuers.map(({ issuer }) => issuer)).size > 1;
  for (const { issuer, audience, domains } of issuers) {
    const name = JSON.stringify(issuer);
    if (!isSafeIssuerUrl(issuer)) return `the issuer ${name} must be an https URL, or http on 127.0.0.1`;
    if (audience === "") return `the issuer ${name} needs an audience`;
    if (domains === undefined && several) return `the issuer ${name} needs domains, as there are two issuers`;
    const bad = domains?.find((domain) => !isCanonicalDomain(domain));
    if (bad !== undefined) return `${JSON.stringify(bad)} is not a domain in lower case, like example.com`;
  }
  return undefined;
}

/**
 * Whether keys may be fetched from a URL: https, or http on 127.0.0.1, where nobody is in between. Credentials, queries
 * and fragments are no part of an issuer's name.
 */
export function isSafeIssuerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(text);
  const isPlain = username === "" && password === "" && search === "" && hash === "" && !/[?#\s]/.test(text);
  return isPlain && (protocol === "https:" || (protocol === "http:" && hostname === "127.0.0.1"));
}
