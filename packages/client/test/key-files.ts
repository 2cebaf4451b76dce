import { generateKeyPairSync, type KeyObject } from "node:crypto";
import {
  createCertificateAuthority,
  createSelfSignedCertificate,
  issueMachineCertificate,
  toPem,
} from "@tokens/pki/x509";

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

/** Makes a TLS server's key and self-signed certificate for "localhost", both in PEM. */
export async function makeServerFiles(): Promise<{ key: string; cert: string }> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);
  const options = { privateKey, commonName: "localhost", notBefore: inDays(-1), notAfter: inDays(1) };
  const cert = toPem("CERTIFICATE", await createSelfSignedCertificate(options));
  return { key: privateKey.export({ type: "pkcs8", format: "pem" }) as string, cert };
}
