import type { AuthorityStore } from "./authority-store.js";
import type { ListSource } from "./ca-policy.js";
import { isInForce, type RevocationLists } from "./check-machine-certificate.js";
import { findAuthority } from "./known-authorities.js";

/** Whether a certificate is revoked: `unknown` while a list that could say so is not in force. */
export type RevocationStatus = "revoked" | "not revoked" | "unknown";

/** What a CA says of a certificate now. */
export interface CertificateStatus {
  readonly caName: string;
  readonly revocation: RevocationStatus;
}

/**
 * What the CA with an id and the CAs below it say of a serial number (unsigned, big-endian, without leading zeros), also
 * one that is not in the policy any more. Without `crl_url` nothing is revoked. Undefined if no CA ever had the id.
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
  const lists = (await findAuthority(store, caName))?.ca.lists ?? [{ listId: caName }];
  return { caName, revocation: revocationIn(lists, revocations, serial, nowSeconds) };
}

/** What lists say of a serial number. Which of them is that of its issuer is not known, so each can revoke it. */
export function revocationIn(
  sources: readonly Pick<ListSource, "listId">[],
  revocations: RevocationLists,
  serial: Uint8Array,
  nowSeconds: number,
): RevocationStatus {
  const lists = sources.map(({ listId }) => revocations.find(listId));
  if (lists.some((list) => list?.has(serial))) return "revoked";
  return lists.every((list) => isInForce(list, nowSeconds)) ? "not revoked" : "unknown";
}
