import type { KeyObject } from "node:crypto";
import type { PinnedCa } from "./pinned-ca.js";
import type { Revocations } from "./revocations.js";

/** Who is trusted, and what was revoked. A snapshot: it never changes. */
export interface Trust {
  /** Signing keys by key id, by the e-mail of their owner. */
  readonly issuers: ReadonlyMap<string, ReadonlyMap<string, KeyObject>>;
  readonly revocations: Revocations;
  /** Number of the trust bundle that it is made from; absent for a certificates document, which has none. */
  readonly number?: number;
}

/** What is demanded of a document about trust. */
export interface TrustDemands {
  /** The document must be of this account. Default: whichever it is of. */
  readonly issuer?: string | undefined;
  /** Who must have certified its signer, or the signing keys if it has none. Default: nobody. */
  readonly pinnedCa?: PinnedCa | undefined;
  /** Unix milliseconds, for the dates of a pinned CA's certificates; no other dates matter. */
  readonly nowMs: number;
}
