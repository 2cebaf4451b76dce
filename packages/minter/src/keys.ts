export { readAesKey, readKeyEncryptionKeys } from "./keys/encryption/read-key-encryption-keys.js";
export type { KeyEncryptionKey } from "./keys/encryption/key-encryption-key.js";
export { type KeyBackend, KeyUnusable, type NewKey, SignerUnavailable, type SignBytes } from "./keys/key-backend.js";
export { openKeyBackend } from "./keys/open-key-backend.js";
export { DEFAULT_KEY_SETTINGS, type KeySettings } from "./keys/signing-keys.js";
export type { GoogleIdentity } from "./google/google-tokens.js";
