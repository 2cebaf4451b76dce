import type { CertificateAuthorityConfig, DomainConfig, TokenServerConfig } from "@tokens/api/config";
import { isCanonicalDomain } from "../domain-name.js";
import type { PolicyFindings, PolicyPath } from "../policies/policy-findings.js";
import { type CaPolicy, type DomainRule, MAX_LIFETIME_SECONDS, type TrustedCa } from "./ca-policy.js";
import { checkReach } from "./unreachable-domains.js";
import { certificatePolicyOf } from "./certificate-policy.js";
import { CaFiles } from "./compile-ca-files.js";
import { type CrlHosts, whyNoCrlUrl } from "./crl-address.js";
import { checkRequestPolicy, requestPolicyOf } from "./request-policy.js";

/** What a policy is measured with besides itself. */
export interface CaPolicyContext {
  /** To which common name each id belongs: for ever, also when the CA is gone. */
  readonly owners: ReadonlyMap<bigint, string>;
  /** Hosts of revocation lists that may have a private address. */
  readonly crlHosts: CrlHosts;
}

/** Makes the CAs of a tokenserver.cfg and the CA certificates that it names, and reports what is wrong with them. */
export async function compileCaPolicy(
  config: TokenServerConfig,
  readFile: (path: string) => Promise<string>,
  findings: PolicyFindings,
  context: CaPolicyContext,
): Promise<CaPolicy> {
  const policy = new Map<string, TrustedCa>();
  const owners = new Map(context.owners);
  for (const [index, entry] of config.certificateAuthority.entries()) {
    const path = ["certificate_authority", index];
    checkUnique(entry, path, policy, owners, findings);
    warnOfUrls(entry, path, context.crlHosts, findings);
    checkRequestPolicy(entry.requestPolicy, path, findings);
    const ca = await compileCa(entry, path, readFile, findings);
    if (ca) policy.set(entry.cn, ca);
  }
  return policy;
}

/** Makes one CA of its entry. What is wrong is reported; without its certificate there is no CA. */
export async function compileCa(
  entry: CertificateAuthorityConfig,
  path: PolicyPath,
  readFile: (path: string) => Promise<string>,
  findings: PolicyFindings,
): Promise<TrustedCa | undefined> {
  const files = new CaFiles(entry, path, readFile, findings);
  const { anchors, issuers } = await files.read();
  const domains = entry.knownDomains.flatMap((domain, at) =>
    readDomain(domain, [...path, "known_domains", at], findings),
  );
  checkReach(entry, domains, path, findings);
  const [certificate] = anchors;
  if (!certificate) return undefined;
  const lists = [{ listId: entry.cn, url: entry.crlUrl, issuers: anchors }, ...issuers];
  return {
    commonName: entry.cn,
    uniqueId: entry.uniqueId,
    certificate,
    anchors,
    intermediates: issuers.flatMap((issuer) => issuer.issuers),
    checks: certificatePolicyOf(entry.certificatePolicy),
    requests: requestPolicyOf(entry.requestPolicy),
    lists: lists.filter(({ url }) => url !== ""),
    domains,
    config: entry,
    files: files.contents,
  };
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
  if (owner !== undefined && owner !== cn) {
    const name = JSON.stringify(owner);
    const message = `unique_id ${uniqueId} belongs to CA ${name}, for ever; give this one a number of its own`;
    findings.error([...path, "unique_id"], message);
  }
  owners.set(uniqueId, cn);
}

/** A list that is never fetched is never in force: its CA's machines get no tokens. */
function warnOfUrls(
  { crlUrl, intermediateAuthority }: CertificateAuthorityConfig,
  path: PolicyPath,
  crlHosts: CrlHosts,
  findings: PolicyFindings,
): void {
  const warn = (url: string, place: PolicyPath) => {
    const reason = url === "" ? undefined : whyNoCrlUrl(url, crlHosts);
    if (reason !== undefined)
      findings.warning(place, `crl_url ${reason}; the list is never fetched and the CA never ready`);
  };
  warn(crlUrl, [...path, "crl_url"]);
  for (const [index, below] of intermediateAuthority.entries()) {
    const place = [...path, "intermediate_authority", index];
    warn(below.crlUrl, [...place, "crl_url"]);
    if (crlUrl !== "" && below.crlUrl === "")
      findings.warning(place, "has no crl_url: whether the machines of this CA are revoked is not checked");
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
