import { createPrivateKey, type KeyObject, sign, X509Certificate } from "node:crypto";
import { MachineKeyError } from "./errors.js";
import { readPemBlock } from "./pem-block.js";
import { type SignatureAlgorithm, signatureAlgorithmOf } from "./signature-algorithm.js";

export { MachineKeyError } from "./errors.js";

/** A machine's certificate and the power to sign with its key. */
export interface MachineKey {
  readonly certificateDer: Uint8Array;
  /** How it signs. */
  readonly algorithm: SignatureAlgorithm;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** How a private key's PEM is to be read. */
export interface LoadKeyOptions {
  /** Opens an encrypted key. */
  readonly passphrase?: string | Buffer;
}

/** The ASN.1 type behind each label. */
const KEY_TYPES: ReadonlyMap<string, "pkcs1" | "pkcs8" | "sec1"> = new Map([
  ["RSA PRIVATE KEY", "pkcs1"],
  ["EC PRIVATE KEY", "sec1"],
  ["PRIVATE KEY", "pkcs8"],
  ["ENCRYPTED PRIVATE KEY", "pkcs8"],
]);

/**
 * Reads a machine's private key (PEM: PKCS#1, SEC 1, PKCS#8 or encrypted PKCS#8; RSA, EC P-256, EC P-384 or Ed25519) and
 * its certificate (PEM). Each text holds exactly one block; other text may stand before it, nothing after it. Throws
 * MachineKeyError.
 */
export function loadMachineKey(keyPem: string, certificatePem: string, options: LoadKeyOptions = {}): MachineKey {
  const privateKey = readPrivateKey(keyPem, options);
  const certificate = readCertificate(certificatePem);
  const algorithm = signatureAlgorithmOf(privateKey);
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new MachineKeyError("the certificate doesn't match the private key");
  }
  return {
    certificateDer: certificate.raw,
    algorithm,
    // oxlint-disable-next-line typescript/require-await -- what it throws becomes a rejection
    sign: async (bytes) => sign(algorithm.digest, bytes, privateKey),
  };
}

function readPrivateKey(pem: string, { passphrase }: LoadKeyOptions): KeyObject {
  const { label, der } = readPemBlock(pem, "private key");
  const type = KEY_TYPES.get(label);
  if (type === undefined) {
    const expected = [...KEY_TYPES.keys()].join(", ");
    throw new MachineKeyError(
      `not a supported private key type: ${JSON.stringify(label)}, expected one of ${expected}`,
    );
  }
  const isEncrypted = label === "ENCRYPTED PRIVATE KEY";
  if (isEncrypted && passphrase === undefined) {
    throw new MachineKeyError("the private key is encrypted, and there is no passphrase for it");
  }
  try {
    return createPrivateKey({ key: der, format: "der", type, ...(isEncrypted && { passphrase }) });
  } catch (error) {
    const reason = isEncrypted ? "the private key cannot be decrypted: wrong passphrase?" : "not a valid private key";
    throw new MachineKeyError(reason, { cause: error });
  }
}

/** Reads a certificate in PEM: one block, nothing after it. Throws MachineKeyError. */
export function readCertificate(pem: string): X509Certificate {
  const { label, der } = readPemBlock(pem, "certificate");
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
