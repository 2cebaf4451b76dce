import { type OidcIssuer, oidcIssuersProblem } from "@tokens/minter";
import { UsageError } from "./exit-code.js";
import type { Settings } from "./settings.js";

/** Puts issuers, audiences and domains together by their places. Throws a UsageError for what cannot be trusted so. */
export function oidcIssuers(settings: Settings): readonly OidcIssuer[] {
  const { "oidc-issuer": names, "oidc-audience": audiences, "oidc-domains": domains } = settings;
  if (names.length !== audiences.length) {
    throw new UsageError(`each oidc-issuer needs one oidc-audience: there are ${names.length} and ${audiences.length}`);
  }
  if (domains.length > 0 && domains.length !== names.length) {
    throw new UsageError(`oidc-domains is there ${domains.length} times, and must be for all ${names.length} issuers`);
  }
  const issuers = names.map((issuer, place) => ({
    issuer,
    audience: audiences[place] ?? "",
    domains: domains[place]?.split(","),
  }));
  const problem = oidcIssuersProblem(issuers);
  if (problem !== undefined) throw new UsageError(`oidc-issuer, oidc-audience, oidc-domains: ${problem}`);
  return issuers;
}
