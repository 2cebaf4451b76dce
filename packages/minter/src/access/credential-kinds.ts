import type { Certificate } from "@tokens/pki";
import { bearerCredential, type TrustedIssuer } from "./bearer-credential.js";
import type { CredentialKind } from "./caller.js";
import { clientCertificateCredential } from "./client-certificate-credential.js";
import { fetchIssuerKeys } from "./fetch-issuer-keys.js";
import { IssuerKeys } from "./issuer-keys.js";
import { type OidcIssuer, oidcIssuersProblem } from "./oidc-issuer.js";

/** Whose callers a server knows, besides machines with tokens of its own. */
export interface KnownCallers {
  /** OpenID issuers whose users may call. */
  readonly oidcIssuers?: readonly OidcIssuer[];
  /** CAs whose machines may call with a TLS client certificate. */
  readonly clientCas?: readonly Certificate[];
}

/** What is asked about the certificate of a TLS client. */
export interface ClientCertificateChecks {
  /** Throws a CertificateError for a certificate that none of the CAs vouches for. */
  check(certificate: Certificate, cas: readonly Certificate[], nowSeconds: number): void;
  /** The name of the certificate's machine. Throws a Refusal if it has none. */
  nameOf(certificate: Certificate): string;
}

/** Makes the kinds of credentials. Throws a TypeError for issuers that must not be trusted. */
export function credentialKinds(
  { oidcIssuers = [], clientCas = [] }: KnownCallers,
  { check, nameOf }: ClientCertificateChecks,
): readonly CredentialKind[] {
  const problem = oidcIssuersProblem(oidcIssuers);
  if (problem !== undefined) throw new TypeError(problem);
  return [
    bearerCredential(trustedIssuers(oidcIssuers)),
    clientCertificateCredential({ check: (certificate, now) => check(certificate, clientCas, now), nameOf }),
  ];
}

function trustedIssuers(oidcIssuers: readonly OidcIssuer[]): ReadonlyMap<string, TrustedIssuer> {
  const clock = performance.now.bind(performance);
  const trusted = new Map<string, TrustedIssuer>();
  for (const { issuer } of oidcIssuers) {
    const entries = oidcIssuers.filter((entry) => entry.issuer === issuer);
    const keys = new IssuerKeys({ issuer, fetchKeys: () => fetchIssuerKeys(issuer), clock });
    trusted.set(issuer, { entries, keys });
  }
  return trusted;
}
