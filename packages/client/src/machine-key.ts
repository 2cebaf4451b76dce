import { createPrivateKey, type KeyObject, sign, X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import { MachineKeyError } from "./errors.js";

const signInThreadPool = promisify(sign) as (algorithm: string, data: Uint8Array, key: KeyObject) => Promise<Buffer>;

/** A machine's certificate and the power to sign with its key. */
export interface MachineKey {
  readonly certificateDer: Uint8Array;
  /** RSASSA-PKCS1-v1_5 with SHA-256. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/**
 * Reads a machine's private key (PEM, PKCS#1: "RSA PRIVATE KEY") and its certificate (PEM). Each text holds exactly one
 * block; other text may stand before it, nothing after it. Throws MachineKeyError.
 */
export function loadMachineKey(keyPem: string, certificatePem: string): MachineKey {
  const privateKey = readPrivateKey(keyPem);
  const certificate = readCertificate(certificatePem);
  if (certificate.publicKey.asymmetricKeyType !== "rsa") {
    throw new MachineKeyError("the certificate does not hold an RSA key, as the private key is");
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new MachineKeyError("the certificate doesn't match the private key");
  }
  return { certificateDer: certificate.raw, sign: (bytes) => signInThreadPool("sha256", bytes, privateKey) };
}

function readPrivateKey(pem: string): KeyObject {
  const { label, der } = readBlock(pem, "private key");
  if (label !== "RSA PRIVATE KEY") {
    throw new MachineKeyError(`not a supported private key type: ${JSON.stringify(label)}, expected "RSA PRIVATE KEY"`);
  }
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs1" });
  } catch (error) {
    throw new MachineKeyError("not a valid private key", { cause: error });
  }
}

function readCertificate(pem: string): X509Certificate {
  const { label, der } = readBlock(pem, "certificate");
  if (label !== "CERTIFICATE") throw new MachineKeyError(`expecting "CERTIFICATE", got ${JSON.stringify(label)}`);
  try {
    const certificate = new X509Certificate(der);
    // Node's reader stops at the end of the first certificate, whatever follows.
    if (certificate.raw.length !== der.length) throw new Error("something follows the certificate");
    return certificate;
  } catch (error) {
    throw new MachineKeyError("not a valid certificate", { cause: error });
  }
}

function readBlock(pem: string, what: string): { label: string; der: Buffer } {
  const match = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----\r?\n?/.exec(pem);
  if (!match) throw new MachineKeyError(`not a valid ${what} PEM`);
  if (match.index + match[0].length !== pem.length) {
    throw new MachineKeyError(`not a valid ${what} PEM: something follows the first block, if only a blank line`);
  }
  return { label: match[1] ?? "", der: Buffer.from(match[2] ?? "", "base64") };
}
