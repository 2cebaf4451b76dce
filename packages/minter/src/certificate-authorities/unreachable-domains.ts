import type { CertificateAuthorityConfig } from "@tokens/api/config";
import { isCanonicalDomain } from "../domain-name.js";
import type { PolicyFindings, PolicyPath } from "../policies/policy-findings.js";
import type { DomainRule } from "./ca-policy.js";

/**
 * Warns of domains that never decide because an earlier one covers them, and of a CA none of whose machines can get a
 * token. `domains` are the rules of `entry`, in its order.
 */
export function checkReach(
  entry: CertificateAuthorityConfig,
  domains: readonly DomainRule[],
  path: PolicyPath,
  findings: PolicyFindings,
): void {
  const places = entry.knownDomains.flatMap(({ domain: names }, at) =>
    names.map((_, index) => [...path, "known_domains", at, "domain", index]),
  );
  const reached = new Set<string>();
  let canMint = false;
  for (const [index, { domain, lifetimeSeconds }] of domains.entries()) {
    const cover = isCanonicalDomain(domain) ? coverOf(domain, reached) : undefined;
    if (cover === undefined) {
      canMint ||= lifetimeSeconds !== undefined;
      reached.add(domain);
    } else findings.warning(places[index] ?? path, describe(domain, cover));
  }
  if (!canMint) {
    const message = `unused CA ${JSON.stringify(entry.cn)}: none of its machines can get a token`;
    findings.warning(path, `${message}; give one of its known_domains a machine_token_lifetime`);
  }
}

/** The longest of the domain itself and those that it ends with: as none covers another later one, it is the first. */
function coverOf(domain: string, reached: ReadonlySet<string>): string | undefined {
  const labels = domain.split(".");
  return labels.map((_, index) => labels.slice(index).join(".")).find((parent) => reached.has(parent));
}

function describe(domain: string, cover: string): string {
  return `${JSON.stringify(domain)} is never reached: ${JSON.stringify(cover)} before it decides for its machines`;
}
