/** Something that signs tokens: a key in a file, in an HSM or in a cloud. */
export interface Signer {
  /** Names the key in tokens and in the published list. */
  readonly keyId: string;
  /** The certificate that verifiers get, in PEM. */
  readonly certificatePem: string;
  /** RSASSA-PKCS1-v1_5 with SHA-256 over the bytes. Never blocks the event loop. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}
