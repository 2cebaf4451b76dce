import { type Certificate, CertificateError, checkCertificate } from "@tokens/pki";

/**
 * Checks a TLS client's certificate against the CAs that clients may come from; the CA that made it. Two CAs may share a
 * name while one changes its key. Throws a CertificateError.
 */
export function checkClientCertificate(
  certificate: Certificate,
  cas: readonly Certificate[],
  nowSeconds: number,
): Certificate {
  const [name] = certificate.issuer.commonNames;
  let error = new CertificateError("UNKNOWN_CA", `clients with certificates of ${JSON.stringify(name)} are not known`);
  for (const ca of cas.filter(({ subject }) => subject.commonNames[0] === name)) {
    try {
      checkCertificate(certificate, ca, nowSeconds);
      return ca;
    } catch (thrown) {
      if (!(thrown instanceof CertificateError)) throw thrown;
      error = thrown;
    }
  }
  throw error;
}
