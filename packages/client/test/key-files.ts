import { type KeyObject } from "node:crypto";
import { createCertificateAuthority, issueMachineCertificate, toPem } from "@tokens/pki/x509";

/** A machine's key and certificate as they lie in its files. */
export interface KeyFiles {
  readonly keyPem: string;
  readonly certificatePem: string;
  readonly privateKey: KeyObject;
}

/** Makes a key and a certificate for it. */
export async function makeKeyFiles(): Promise<KeyFiles> {
  const ca = await createCertificateAuthority({ commonName: "Test CA" });
  const { privateKey, certificate } = await issueMachineCertificate(ca, { commonName: "host-1.example.com" });
  const keyPem = privateKey.export({ type: "pkcs1", format: "pem" }) as string;
  return { keyPem, certificatePem: toPem("CERTIFICATE", certificate), privateKey };
}
