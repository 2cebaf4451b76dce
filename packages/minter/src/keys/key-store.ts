/** What a signing key is for. A key never signs anything else: no signature of one kind can pass for another. */
export type KeyPurpose = "tokens" | "audit";

/** A signing key as it is kept. */
export interface StoredKey {
  readonly keyId: string;
  readonly purpose: KeyPurpose;
  /** PKCS#8 in DER. */
  readonly privateKey: Uint8Array;
  readonly certificatePem: string;
  /** Unix milliseconds. */
  readonly createdAtMs: number;
}

/** Where signing keys are kept. */
export interface KeyStore {
  /** The keys of a purpose, oldest first. */
  list(purpose: KeyPurpose): Promise<readonly StoredKey[]>;
  /** Adds a purpose's first key, unless it has one already: of two servers that start at once, one wins. */
  addFirst(key: StoredKey): Promise<void>;
}
