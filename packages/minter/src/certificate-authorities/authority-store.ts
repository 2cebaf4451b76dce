/** A CA that is or was in the policy. */
export interface StoredAuthority {
  readonly commonName: string;
  /** Its entry in the policy: a CertificateAuthorityConfig. */
  readonly config: Uint8Array;
  /** The certificate files that the entry names, by path. */
  readonly files: Readonly<Record<string, string>>;
  /** The revisions that brought it, last changed it, and removed it; `removedRevision` is empty while it is there. */
  readonly addedRevision: string;
  readonly updatedRevision: string;
  readonly removedRevision: string;
}

/** What an import puts in the policy. */
export interface ImportedAuthority extends Pick<StoredAuthority, "commonName" | "config" | "files"> {
  readonly uniqueId: bigint;
}

/** An id that belongs to another CA for ever. */
export class UniqueIdTaken extends Error {
  override name = "UniqueIdTaken";
}

/** Where CAs are kept, and which id belongs to which. */
export interface AuthorityStore {
  /** All CAs that ever were in the policy. */
  list(): Promise<readonly StoredAuthority[]>;
  /** To which common name each id belongs: for ever, also when the CA is gone. */
  owners(): Promise<ReadonlyMap<bigint, string>>;
  /**
   * Makes these the CAs of the policy: all or nothing. What is not among them is marked as removed, what has not changed
   * stays as it is. Throws UniqueIdTaken.
   */
  replaceAll(authorities: readonly ImportedAuthority[], revision: string): Promise<void>;
}
