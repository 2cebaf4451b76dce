import { ErrorCode } from "@tokens/api";
import type { DomainRule } from "../certificate-authorities/ca-policy.js";
import type { TrustedCertificate } from "../certificate-authorities/check-machine-certificate.js";
import { refuseToken } from "../errors.js";
import { machineNameOf } from "./machine-name.js";

/** A machine token that may be made. */
export interface MachineGrant {
  readonly fqdn: string;
  readonly lifetimeSeconds: number;
  readonly caId: bigint;
  /** Serial number of the certificate: unsigned, big-endian, without leading zero bytes. */
  readonly certSn: Uint8Array;
}

/** Decides whether a trusted certificate gives its machine a token, and for how long. Throws a Refusal. */
export function grantMachineToken({ certificate, ca }: TrustedCertificate): MachineGrant {
  const { fqdn, domain } = machineNameOf(certificate);
  const lifetimeSeconds = lifetimeFor(domain, findRule(ca.domains, domain));
  if (certificate.serial <= 0n) throw refuse(`invalid certificate serial number: ${certificate.serial}`);
  return { fqdn, lifetimeSeconds, caId: ca.uniqueId, certSn: certificate.serialMagnitude };
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

function refuse(message: string): Error {
  return refuseToken(ErrorCode.BAD_TOKEN_ARGUMENTS, message);
}
