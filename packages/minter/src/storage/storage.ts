import type { AuditStore } from "../audit/audit-store.js";
import type { AuthorityStore } from "../certificate-authorities/authority-store.js";
import type { CrlStore } from "../certificate-authorities/crl-store.js";
import type { LeaseStore } from "../jobs/lease-store.js";
import type { KeyStore } from "../keys/key-store.js";
import type { SeenStore } from "../machine-tokens/seen-store.js";
import type { PolicyStore } from "../policies/policy-store.js";
import type { FeedStore } from "../trust/feed-store.js";

/**
 * Where a token server keeps what must outlive it: one narrow store per feature. All methods reject with
 * StorageUnavailable while the engine cannot be reached, and go on by themselves once it can.
 */
export interface Storage {
  readonly keys: KeyStore;
  readonly policies: PolicyStore;
  readonly authorities: AuthorityStore;
  readonly crls: CrlStore;
  readonly feed: FeedStore;
  readonly leases: LeaseStore;
  readonly audit: AuditStore;
  readonly seen: SeenStore;
  /** Whether the engine answers now. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
