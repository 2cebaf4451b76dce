import { createPrivateKey, X509Certificate } from "node:crypto";
import { generateRsaKey, keyId } from "@tokens/pki";
import { createPublicKey } from "node:crypto";
import type { KeyPurpose, KeyStore, StoredKey } from "./key-store.js";
import { localSigner } from "./local-signer.js";
import type { Signer } from "./signer.js";

/** Life of the self-signed certificate. Verifiers read the key in it and no dates, so it only has to be long. */
const CERTIFICATE_YEARS = 20;

/** A signing key that cannot be used; the message says why and what to do. */
export class SigningKeyError extends Error {
  override name = "SigningKeyError";
}

/**
 * The signing key of a purpose. Makes it when there is none: servers that start at once end up with the same. Throws a
 * SigningKeyError when the stored one cannot be used.
 */
export async function openSigningKey(
  keys: KeyStore,
  purpose: KeyPurpose,
  commonName: string,
  nowMs: number,
): Promise<Signer> {
  const known = (await keys.list(purpose)).at(-1);
  if (known) return signerOf(known);
  await keys.addFirst(await makeKey(purpose, commonName, nowMs));
  const winner = (await keys.list(purpose)).at(-1);
  if (!winner) throw new SigningKeyError(`the store did not keep the signing key for ${purpose}`);
  return signerOf(winner);
}

async function makeKey(purpose: KeyPurpose, commonName: string, nowMs: number): Promise<StoredKey> {
  const privateKey = await generateRsaKey();
  // Loaded here alone: what writes certificates is large, and only a first start needs it.
  const { createSelfSignedCertificate, toPem } = await import("@tokens/pki/x509");
  const notBefore = new Date(nowMs);
  const notAfter = new Date(nowMs);
  notAfter.setUTCFullYear(notBefore.getUTCFullYear() + CERTIFICATE_YEARS);
  const certificate = await createSelfSignedCertificate({ privateKey, commonName, notBefore, notAfter });
  return {
    keyId: keyId(createPublicKey(privateKey)),
    purpose,
    privateKey: privateKey.export({ type: "pkcs8", format: "der" }),
    certificatePem: toPem("CERTIFICATE", certificate),
    createdAtMs: nowMs,
  };
}

function signerOf({ keyId: id, purpose, privateKey, certificatePem }: StoredKey): Signer {
  try {
    const key = createPrivateKey({ key: Buffer.from(privateKey), format: "der", type: "pkcs8" });
    if (!new X509Certificate(certificatePem).checkPrivateKey(key)) {
      throw new Error("the certificate belongs to another key");
    }
    return localSigner(key, certificatePem, id);
  } catch (error) {
    const why = error instanceof Error ? error.message : "unreadable";
    throw new SigningKeyError(`the stored signing key ${id} for ${purpose} cannot be used (${why})`, { cause: error });
  }
}
