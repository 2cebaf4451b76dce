import { ErrorCode } from "@tokens/api";
import type { DomainRule } from "../certificate-authorities/ca-policy.js";
import type { TrustedCertificate } from "../certificate-authorities/check-machine-certificate.js";
import { isService } from "../certificate-authorities/request-policy.js";
import { refuseToken } from "../errors.js";
import { machineNameOf } from "./machine-name.js";

/** A machine token that may be made. */
export interface MachineGrant {
  readonly fqdn: string;
  readonly lifetimeSeconds: number;
  readonly caId: bigint;
  /** Serial number of the certificate: unsigned, big-endian, without leading zero bytes. */
  readonly certSn: Uint8Array;
  /** Services that the token is meant for; none: any service. */
  readonly audience: readonly string[];
}

/**
 * Decides whether a trusted certificate gives its machine a token, for how long, and whether it may be meant for the
 * services that the request names. Throws a Refusal.
 */
export function grantMachineToken({ certificate, ca }: TrustedCertificate, audience: readonly string[]): MachineGrant {
  const { fqdn, domain } = machineNameOf(certificate);
  const lifetimeSeconds = lifetimeFor(domain, findRule(ca.domains, domain));
  if (certificate.serial <= 0n) throw refuse(`invalid certificate serial number: ${certificate.serial}`);
  checkAudience(audience, ca.requests.allowed_audience);
  return { fqdn, lifetimeSeconds, caId: ca.uniqueId, certSn: certificate.serialMagnitude, audience };
}

/** The first rule decides, even if it forbids and a later one would allow: its domain, or one that ends with it. */
function findRule(rules: readonly DomainRule[], domain: string): DomainRule | undefined {
  return rules.find((rule) => domain === rule.domain || domain.endsWith(`.${rule.domain}`));
}

function lifetimeFor(domain: string, rule: DomainRule | undefined): number {
  const name = JSON.stringify(domain);
  if (!rule) throw refuse(`the domain ${name} is not listed in the config`);
  if (rule.lifetimeSeconds === undefined) throw refuse(`machine tokens for machines in domain ${name} are not allowed`);
  return rule.lifetimeSeconds;
}

/** A token must stay small enough for every verifier to take it. */
const MAX_SERVICES = 64;
const MAX_AUDIENCE_BYTES = 4096;

function checkAudience(audience: readonly string[], allowed: ReadonlySet<string>): void {
  const refuseAudience = (message: string) => refuseToken(ErrorCode.BAD_AUDIENCE, message);
  if (audience.length > MAX_SERVICES) throw refuseAudience(`the audience has more than ${MAX_SERVICES} services`);
  const bytes = audience.reduce((sum, service) => sum + Buffer.byteLength(service), 0);
  if (bytes > MAX_AUDIENCE_BYTES) throw refuseAudience(`the audience has more than ${MAX_AUDIENCE_BYTES} bytes`);
  for (const service of audience) {
    if (!isService(service)) throw refuseAudience("the audience has a name that is not like service:files");
    if (!allowed.has(service) && !allowed.has("*")) {
      throw refuseAudience(`the audience ${service} is not listed in the config`);
    }
  }
}

function refuse(message: string): Error {
  return refuseToken(ErrorCode.BAD_TOKEN_ARGUMENTS, message);
}
