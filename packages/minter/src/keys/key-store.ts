import type { KeyBackend } from "./key-backend.js";
import type { RingKey } from "./key-ring.js";

/**
 * What signing keys are for: tokens of LUCI's kinds, JWTs, trust bundles, audit checkpoints, and the CA that certifies all
 * the others. A key never signs anything else: no signature of one kind can pass for another.
 */
export const KEY_PURPOSES = ["ca", "tokens", "jwt", "bundle", "audit"] as const;
export type KeyPurpose = (typeof KEY_PURPOSES)[number];

/** What has to be kept to sign with a key again, as it is kept. */
export interface KeptHandle {
  /** Empty once the key is erased. */
  readonly handle: Uint8Array;
  /** Id of the key-encryption key that encrypted it; undefined for one that rests in plain. */
  readonly sealedBy: string | undefined;
}

/** A signing key as it is kept. */
export interface StoredKey extends RingKey, KeptHandle {
  readonly purpose: KeyPurpose;
  readonly backend: KeyBackend["name"];
  readonly certificatePem: string;
}

/** Where signing keys are kept. */
export interface KeyStore {
  /** The keys of a purpose or of all, oldest first. */
  list(purpose?: KeyPurpose): Promise<readonly StoredKey[]>;
  /** Adds a key, unless another replica was faster and its purpose has one of this generation. */
  add(key: StoredKey): Promise<"added" | "taken">;
  /** Lets a key sign earlier than it was meant to; never later. */
  advance(keyId: string, signsFromMs: number): Promise<void>;
  /** Taints a key, unless it is tainted already. */
  taint(keyId: string, atMs: number): Promise<void>;
  /** Puts a new certificate of the same key in place of its old one. */
  recertify(keyId: string, certificatePem: string): Promise<void>;
  /** Forgets what it takes to sign with a key, for ever. */
  erase(keyId: string): Promise<void>;
  /** Puts handles in other encryption in place of the old ones, all or none, and then removes all traces of those. */
  reseal(handles: ReadonlyMap<string, KeptHandle>): Promise<void>;
  /** Removes the traces that a `reseal` left when it was cut off; nothing to do otherwise. */
  scrub(): Promise<void>;
}
