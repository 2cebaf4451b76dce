import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import { keyId } from "@tokens/pki";
import type { Signer } from "./signer.js";

const signInThreadPool = promisify(sign) as (algorithm: string, data: Uint8Array, key: KeyObject) => Promise<Buffer>;

/** A signer whose private key is in this process; it signs in the thread pool, so that all cores work. */
export function localSigner(privateKey: KeyObject, certificatePem: string, id?: string): Signer {
  if (privateKey.asymmetricKeyType !== "rsa") throw new TypeError("a signing key must be an RSA key");
  return {
    keyId: id ?? keyId(createPublicKey(privateKey)),
    certificatePem,
    sign: (bytes) => signInThreadPool("sha256", bytes, privateKey),
  };
}
