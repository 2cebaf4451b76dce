import type { AuthorityStore } from "./authority-store.js";
import type { RevocationLists } from "./check-machine-certificate.js";
import { findAuthority } from "./known-authorities.js";

/** What a CA says of a certificate now: `unknown` while it has no revocation list in force. */
export interface CertificateStatus {
  readonly caName: string;
  readonly revocation: "revoked" | "not revoked" | "unknown";
}

/**
 * What the CA with an id says of a serial number (unsigned, big-endian, without leading zeros), also one that is not in
 * the policy any more. A CA without `crl_url` revokes nothing. Undefined if no CA ever had the id.
 */
export async function certificateStatus(
  store: AuthorityStore,
  revocations: RevocationLists,
  caId: bigint,
  serial: Uint8Array,
  nowSeconds: number,
): Promise<CertificateStatus | undefined> {
  const caName = (await store.owners()).get(caId);
  if (caName === undefined) return undefined;
  const authority = await findAuthority(store, caName);
  if (authority?.ca.config.crlUrl === "") return { caName, revocation: "not revoked" };
  const list = revocations.find(caName);
  if (list?.has(serial)) return { caName, revocation: "revoked" };
  const inForce = list !== undefined && nowSeconds <= list.inForceUntilSeconds;
  return { caName, revocation: inForce ? "not revoked" : "unknown" };
}
