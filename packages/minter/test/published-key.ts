import { createPublicKey } from "node:crypto";
import { generateRsaKey, keyId } from "@tokens/pki";
import { createSelfSignedCertificate, toPem } from "@tokens/pki/x509";
import type { PublishedKey } from "../src/trust/public-documents.js";

/** A key as a server publishes it. */
export async function makePublishedKey(): Promise<PublishedKey> {
  const privateKey = await generateRsaKey();
  const [notBefore, notAfter] = [new Date("2026-01-01T00:00:00Z"), new Date("2036-01-01T00:00:00Z")];
  const der = await createSelfSignedCertificate({ privateKey, commonName: "Signer", notBefore, notAfter });
  return { keyId: keyId(createPublicKey(privateKey)), certificatePem: toPem("CERTIFICATE", der) };
}
