import type { GoogleIdentity } from "../google/google-tokens.js";
import { isGcpKmsUri } from "./gcp-kms/gcp-kms-uri.js";
import { type KeyBackend, KeyUnusable } from "./key-backend.js";

/**
 * Opens where keys are made and sign: `pkcs11:…` or `gcp-kms://…`. Loads what it needs and nothing else. Rejects with a
 * KeyUnusable when it cannot be used.
 */
export async function openKeyBackend(uri: string, identity: GoogleIdentity): Promise<KeyBackend> {
  if (uri.startsWith("pkcs11:")) {
    const { openPkcs11Backend } = await import("./pkcs11/pkcs11-backend.js");
    return openPkcs11Backend(uri);
  }
  if (isGcpKmsUri(uri)) {
    const { gcpKmsBackend } = await import("./gcp-kms/gcp-kms-backend.js");
    return gcpKmsBackend(uri, identity);
  }
  throw new KeyUnusable("the signer must be pkcs11:… or gcp-kms://…; without one, keys are made in this process");
}
