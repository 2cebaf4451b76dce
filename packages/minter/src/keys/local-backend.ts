import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import { generateRsaKey } from "@tokens/pki";
import { type KeyBackend, KeyUnusable } from "./key-backend.js";

const signInThreadPool = promisify(sign) as (algorithm: string, data: Uint8Array, key: KeyObject) => Promise<Buffer>;

/** Keys in this process. They are made and sign in the thread pool, so that all cores work and nothing waits. */
export const localBackend: KeyBackend = {
  name: "local",
  isRemote: false,
  create: async () => {
    const key = await generateRsaKey();
    return { publicKey: createPublicKey(key), handle: key.export({ type: "pkcs8", format: "der" }) };
  },
  // oxlint-disable-next-line typescript/require-await -- what it throws becomes a rejection
  open: async (handle) => {
    const key = readPrivateKey(handle);
    return (bytes) => signInThreadPool("sha256", bytes, key);
  },
  erase: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

function readPrivateKey(handle: Uint8Array): KeyObject {
  try {
    const key = createPrivateKey({ key: Buffer.from(handle), type: "pkcs8", format: "der" });
    if (key.asymmetricKeyType === "rsa") return key;
  } catch {
    // OpenSSL's words about a private key go nowhere.
  }
  throw new KeyUnusable("a private key in storage is damaged, or no RSA key; restore the storage from a backup");
}
