import { Code } from "@connectrpc/connect";
import { type Certificate, CertificateError, MalformedInput, parseCertificate } from "@tokens/pki";
import { refuseCall, Refusal, Unavailable } from "../errors.js";
import type { CredentialKind } from "./caller.js";

/** How a TLS client's certificate is judged. Both throw what they find wrong. */
export interface ClientCertificateChecks {
  /** Throws a CertificateError for a certificate that is not trusted. */
  check(certificate: Certificate, nowSeconds: number): void;
  /** The name of the machine that the certificate is for. Throws a Refusal if it names none. */
  nameOf(certificate: Certificate): string;
}

/** TLS client certificates: `bot:<fqdn>`. Whoever owns one is a machine, and never a user. */
export function clientCertificateCredential(checks: ClientCertificateChecks): CredentialKind {
  return {
    identify: async ({ clientCertificate, nowMs }) => {
      if (clientCertificate === undefined) return undefined;
      try {
        const certificate = parseCertificate(clientCertificate);
        checks.check(certificate, nowMs / 1000);
        return `bot:${checks.nameOf(certificate)}`;
      } catch (error) {
        throw readable(error);
      }
    },
  };
}

/** One public answer for everything that can be wrong with a certificate: it tells strangers nothing about CAs. */
function readable(error: unknown): unknown {
  const refuse = (detail: string) =>
    refuseCall(Code.Unauthenticated, "invalid or untrusted client certificate", detail, error);
  if (error instanceof CertificateError && error.code === "CRL_NOT_READY") {
    return new Unavailable("cannot check client certificates now", error.message, error);
  }
  if (error instanceof CertificateError) return refuse(`${error.code}: ${error.message}`);
  if (error instanceof MalformedInput) return refuse(`not a certificate: ${error.message}`);
  if (error instanceof Refusal) return refuse(error.detail);
  return error;
}
