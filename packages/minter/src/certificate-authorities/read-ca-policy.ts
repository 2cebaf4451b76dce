import { fromText } from "@bufbuild/protobuf/txtpb";
import { type CertificateAuthorityConfig, type DomainConfig, TokenServerConfigSchema } from "@tokens/api/config";
import { type Certificate, parseCertificatePem } from "@tokens/pki";
import { isCanonicalDomain } from "../domain-name.js";
import { type CaPolicy, type DomainRule, MAX_LIFETIME_SECONDS, type TrustedCa } from "./ca-policy.js";

/** A policy file that cannot be used; the message says where, what is wrong and what to do. */
export class PolicyError extends Error {
  override name = "PolicyError";
}

/** A policy, and what in it does not do what its author may think. */
export interface ImportedCaPolicy {
  readonly policy: CaPolicy;
  readonly warnings: readonly string[];
}

/**
 * Reads tokenserver.cfg, in protobuf text format, and the CA certificates it names. All or nothing: throws a PolicyError
 * at the first entry that cannot be used.
 */
export async function readCaPolicy(
  text: string,
  readFile: (path: string) => Promise<string>,
): Promise<ImportedCaPolicy> {
  const warnings: string[] = [];
  const policy = new Map<string, TrustedCa>();
  const owners = new Map<bigint, string>();
  for (const entry of parseConfig(text)) {
    const where = `tokenserver.cfg, CA ${JSON.stringify(entry.cn)}`;
    requireUnique(entry, where, policy, owners);
    requireSupported(entry, where);
    const certificate = await readCaCertificate(entry, where, readFile);
    const domains = entry.knownDomains.flatMap((domain) => readDomain(domain, where, warnings));
    policy.set(entry.cn, {
      commonName: entry.cn,
      uniqueId: entry.uniqueId,
      certificate,
      crlUrl: entry.crlUrl,
      domains,
    });
  }
  return { policy, warnings };
}

function parseConfig(text: string): CertificateAuthorityConfig[] {
  try {
    return fromText(TokenServerConfigSchema, text).certificateAuthority;
  } catch (error) {
    throw new PolicyError(`tokenserver.cfg: ${sentence(error)}`, { cause: error });
  }
}

function requireUnique(
  { cn, uniqueId }: CertificateAuthorityConfig,
  where: string,
  policy: CaPolicy,
  owners: Map<bigint, string>,
): void {
  if (cn === "") throw new PolicyError(`${where}: cn is empty; write the common name of the CA's certificate`);
  if (policy.has(cn)) throw new PolicyError(`${where}: there is an entry for this CA already`);
  const owner = owners.get(uniqueId);
  if (owner !== undefined) {
    const name = JSON.stringify(owner);
    throw new PolicyError(`${where}: unique_id ${uniqueId} belongs to CA ${name}; give this one a number of its own`);
  }
  owners.set(uniqueId, cn);
}

/** A switch that is written down and not obeyed would be a surprise: this version enforces every check. */
function requireSupported({ certificatePolicy, nextCertPath }: CertificateAuthorityConfig, where: string): void {
  if (certificatePolicy)
    throw new PolicyError(`${where}: certificate_policy is not supported by this version; remove it`);
  if (nextCertPath !== "")
    throw new PolicyError(`${where}: next_cert_path is not supported by this version; remove it`);
}

async function readCaCertificate(
  { cn, certPath }: CertificateAuthorityConfig,
  where: string,
  readFile: (path: string) => Promise<string>,
): Promise<Certificate> {
  const fail = (reason: string, cause?: unknown) => new PolicyError(`${where}: ${reason}`, { cause });
  const pem = await readFile(certPath).catch((error: unknown) => {
    throw fail(`cannot read cert_path ${JSON.stringify(certPath)}: ${sentence(error)}`, error);
  });
  const certificate = parse(pem, fail);
  if (!certificate.isCa) throw fail("the certificate is not one of a CA (basicConstraints)");
  const names = certificate.subject.commonNames;
  if (names.length !== 1 || names[0] !== cn) {
    throw fail(`the certificate's common name is ${JSON.stringify(names.join(", "))}, and cn must be the same`);
  }
  return certificate;
}

function parse(pem: string, fail: (reason: string, cause?: unknown) => Error): Certificate {
  try {
    return parseCertificatePem(pem);
  } catch (error) {
    throw fail(`the certificate cannot be read: ${sentence(error)}`, error);
  }
}

function readDomain(
  { domain: names, machineTokenLifetime }: DomainConfig,
  where: string,
  warnings: string[],
): DomainRule[] {
  const lifetimeFits = machineTokenLifetime >= 0n && machineTokenLifetime <= MAX_LIFETIME_SECONDS;
  return names.map((domain) => {
    const place = `${where}, domain ${JSON.stringify(domain)}`;
    const canonical = isCanonicalDomain(domain);
    if (!canonical) warnings.push(`${place}: not a lower-case domain name; no machine gets a token by this entry`);
    if (!lifetimeFits) {
      warnings.push(
        `${place}: machine_token_lifetime ${machineTokenLifetime} is not within 0 to 86400; no machine gets a token by this entry`,
      );
    }
    const usable = canonical && lifetimeFits && machineTokenLifetime > 0n;
    return { domain, lifetimeSeconds: usable ? Number(machineTokenLifetime) : undefined };
  });
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : "unreadable";
}
