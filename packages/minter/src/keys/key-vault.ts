import type { KeyEncryptionKey } from "./encryption/key-encryption-key.js";
import { KeyUnusable } from "./key-backend.js";
import type { KeptHandle, StoredKey } from "./key-store.js";

/** What a handle is bound to: in another key's row it cannot be opened. */
type Owner = Pick<StoredKey, "keyId" | "purpose" | "backend">;

/**
 * Encrypts what is kept of keys. The first key-encryption key encrypts, all decrypt. Without any, handles rest as they are:
 * those of local keys in plain.
 */
export class KeyVault {
  readonly #keys: readonly KeyEncryptionKey[];

  constructor(keys: readonly KeyEncryptionKey[]) {
    this.#keys = keys;
  }

  /** Whether handles are encrypted. */
  get isEncrypting(): boolean {
    return this.#keys.length > 0;
  }

  /** Whether a handle is kept as this vault would keep it now. */
  isCurrent({ handle, sealedBy }: KeptHandle): boolean {
    return handle.length === 0 || sealedBy === this.#keys[0]?.id;
  }

  /** Encrypts a handle. Rejects with SignerUnavailable. */
  async seal(owner: Owner, handle: Uint8Array): Promise<KeptHandle> {
    const [first] = this.#keys;
    if (!first) return { handle, sealedBy: undefined };
    return { handle: await first.seal(handle, contextOf(owner)), sealedBy: first.id };
  }

  /** The handle of a stored key. Rejects with a KeyUnusable when it was sealed by another key, with SignerUnavailable. */
  async open(key: StoredKey): Promise<Uint8Array> {
    if (key.handle.length === 0) throw new KeyUnusable(`the key ${key.keyId} was erased`);
    if (key.sealedBy === undefined) return key.handle;
    const opener = this.#keys.find(({ id }) => id === key.sealedBy);
    if (opener) return opener.open(key.handle, contextOf(key));
    throw new KeyUnusable(
      `the key ${key.keyId} is encrypted by the key-encryption key ${key.sealedBy}, which is not at hand; ` +
        "start with that one, as the only line of --key-encryption-key or behind a newer one",
    );
  }
}

function contextOf({ keyId, purpose, backend }: Owner): Uint8Array {
  return Buffer.from(["tokens signing key", keyId, purpose, backend].join("\0"));
}
