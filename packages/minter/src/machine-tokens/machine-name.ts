import { ErrorCode } from "@tokens/api";
import type { Certificate } from "@tokens/pki";
import { asciiLowerCase, isCanonicalDomain } from "../domain-name.js";
import { refuseToken } from "../errors.js";

/** A machine's name, split at its first dot. */
export interface MachineName {
  readonly fqdn: string;
  readonly domain: string;
}

/**
 * The name that a certificate gives its machine: the common name, or the first DNS name that extends it by further
 * labels. There must be exactly one common name: readers disagree on which of several counts. Throws a Refusal.
 */
export function machineNameOf({ subject, dnsNames }: Certificate): MachineName {
  const [first, ...more] = subject.commonNames;
  if (first === undefined || first === "") throw refuse("unsupported cert, Subject CN field is required");
  if (more.length > 0) throw refuse("unsupported cert, Subject has more than one CN");
  const commonName = asciiLowerCase(first);
  const extended = dnsNames.map(asciiLowerCase).find((name) => name.startsWith(`${commonName}.`));
  const fqdn = extended ?? commonName;
  if (!fqdn.includes(".")) throw refuse(`not a valid FQDN ${JSON.stringify(fqdn)}`);
  if (!isCanonicalDomain(fqdn)) {
    throw refuse("not a valid FQDN: labels are letters, digits, '-' and '_', 1 to 63 each, 253 in all");
  }
  return { fqdn, domain: fqdn.slice(fqdn.indexOf(".") + 1) };
}

function refuse(message: string): Error {
  return refuseToken(ErrorCode.BAD_TOKEN_ARGUMENTS, message);
}
