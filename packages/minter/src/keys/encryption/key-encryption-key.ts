/** What encrypts private keys at rest. */
export interface KeyEncryptionKey {
  /** Names it beside what it encrypted, and says nothing about it. */
  readonly id: string;
  /** Encrypts, and binds the result to its context. Rejects with SignerUnavailable. */
  seal(plaintext: Uint8Array, context: Uint8Array): Promise<Uint8Array>;
  /** Decrypts what was sealed in the same context. Rejects with KeyUnusable if it was not, with SignerUnavailable. */
  open(sealed: Uint8Array, context: Uint8Array): Promise<Uint8Array>;
}
