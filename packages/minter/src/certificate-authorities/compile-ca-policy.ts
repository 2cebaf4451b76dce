import type { CertificateAuthorityConfig, DomainConfig, TokenServerConfig } from "@tokens/api/config";
import { type Certificate, parseCertificatePem } from "@tokens/pki";
import { isCanonicalDomain } from "../domain-name.js";
import type { PolicyFindings, PolicyPath } from "../policies/policy-findings.js";
import { type CaPolicy, type DomainRule, MAX_LIFETIME_SECONDS, type TrustedCa } from "./ca-policy.js";

/** Makes the CAs of a tokenserver.cfg and the CA certificates that it names, and reports what is wrong with them. */
export async function compileCaPolicy(
  config: TokenServerConfig,
  readFile: (path: string) => Promise<string>,
  findings: PolicyFindings,
): Promise<CaPolicy> {
  const policy = new Map<string, TrustedCa>();
  const owners = new Map<bigint, string>();
  for (const [index, entry] of config.certificateAuthority.entries()) {
    const path = ["certificate_authority", index];
    checkUnique(entry, path, policy, owners, findings);
    checkSupported(entry, path, findings);
    const { cn: commonName, uniqueId, crlUrl } = entry;
    const certificate = await readCaCertificate(entry, path, readFile, findings);
    const domains = entry.knownDomains.flatMap((domain, at) =>
      readDomain(domain, [...path, "known_domains", at], findings),
    );
    if (certificate) policy.set(commonName, { commonName, uniqueId, certificate, crlUrl, domains });
  }
  return policy;
}

function checkUnique(
  { cn, uniqueId }: CertificateAuthorityConfig,
  path: PolicyPath,
  policy: CaPolicy,
  owners: Map<bigint, string>,
  findings: PolicyFindings,
): void {
  if (cn === "") findings.error(path, "cn is empty; write the common name of the CA's certificate");
  if (policy.has(cn)) findings.error([...path, "cn"], `there is an entry for the CA ${JSON.stringify(cn)} already`);
  const owner = owners.get(uniqueId);
  if (owner !== undefined) {
    const message = `unique_id ${uniqueId} belongs to CA ${JSON.stringify(owner)}; give this one a number of its own`;
    findings.error([...path, "unique_id"], message);
  }
  owners.set(uniqueId, cn);
}

/** A switch that is written down and not obeyed would be a surprise: this version enforces every check. */
function checkSupported(entry: CertificateAuthorityConfig, path: PolicyPath, findings: PolicyFindings): void {
  const refuse = (field: string) =>
    findings.error([...path, field], `${field} is not supported by this version; remove it`);
  if (entry.certificatePolicy) refuse("certificate_policy");
  if (entry.nextCertPath !== "") refuse("next_cert_path");
}

async function readCaCertificate(
  { cn, certPath }: CertificateAuthorityConfig,
  path: PolicyPath,
  readFile: (path: string) => Promise<string>,
  findings: PolicyFindings,
): Promise<Certificate | undefined> {
  const place = [...path, "cert_path"];
  const certificate = await readFile(certPath).then(
    (pem) => parse(pem, (reason) => findings.error(place, `the certificate cannot be read: ${reason}`)),
    (error: unknown) => {
      findings.error(place, `cannot read ${JSON.stringify(certPath)}: ${sentence(error)}`);
      return undefined;
    },
  );
  if (!certificate) return undefined;
  if (!certificate.isCa) findings.error(place, "the certificate is not one of a CA (basicConstraints)");
  const names = certificate.subject.commonNames;
  if (names.length !== 1 || names[0] !== cn) {
    const name = JSON.stringify(names.join(", "));
    findings.error([...path, "cn"], `the certificate's common name is ${name}, and cn must be the same`);
  }
  return certificate;
}

function parse(pem: string, fail: (reason: string) => void): Certificate | undefined {
  try {
    return parseCertificatePem(pem);
  } catch (error) {
    fail(sentence(error));
    return undefined;
  }
}

function readDomain(
  { domain: names, machineTokenLifetime }: DomainConfig,
  path: PolicyPath,
  findings: PolicyFindings,
): DomainRule[] {
  const lifetimeFits = machineTokenLifetime >= 0n && machineTokenLifetime <= MAX_LIFETIME_SECONDS;
  if (!lifetimeFits) {
    const message = `machine_token_lifetime ${machineTokenLifetime} is not within 0 to 86400; no machine gets a token by this entry`;
    findings.warning([...path, "machine_token_lifetime"], message);
  }
  return names.map((domain, index) => {
    const canonical = isCanonicalDomain(domain);
    if (!canonical) {
      const message = `${JSON.stringify(domain)} is not a lower-case domain name; no machine gets a token by this entry`;
      findings.warning([...path, "domain", index], message);
    }
    const usable = canonical && lifetimeFits && machineTokenLifetime > 0n;
    return { domain, lifetimeSeconds: usable ? Number(machineTokenLifetime) : undefined };
  });
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : "unreadable";
}
