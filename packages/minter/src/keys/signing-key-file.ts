import { createPrivateKey, type KeyObject, randomBytes, X509Certificate } from "node:crypto";
import { link, mkdir, open, readFile, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { generateRsaKey } from "@tokens/pki";
import { localSigner } from "./local-signer.js";
import type { Signer } from "./signer.js";

/** Life of the self-signed certificate. Verifiers read the key in it and no dates, so it only has to be long. */
const CERTIFICATE_YEARS = 20;

/** A signing key that cannot be used; the message says why and what to do. */
export class SigningKeyError extends Error {
  override name = "SigningKeyError";
}

/**
 * The signing key in a file: private key and self-signed certificate in PEM, readable by its owner alone. Makes it when
 * there is none. Two servers that start at once end up with the same key: only one of them can create the file.
 */
export async function openSigningKey(path: string, commonName: string, now: Date): Promise<Signer> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const pem = (await readKeyFile(path)) ?? (await createKeyFile(path, commonName, now));
  const { key, certificate } = parseKeyFile(path, pem);
  return localSigner(key, certificate);
}

async function readKeyFile(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      throw new SigningKeyError(`${path} can be read by others than its owner; run: chmod 600 ${path}`);
    }
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function createKeyFile(path: string, commonName: string, now: Date): Promise<string> {
  const key = await generateRsaKey();
  // Loaded here alone: what writes certificates is large, and only a first start needs it.
  const { createSelfSignedCertificate, toPem } = await import("@tokens/pki/x509");
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(now.getUTCFullYear() + CERTIFICATE_YEARS);
  const certificate = await createSelfSignedCertificate({ privateKey: key, commonName, notBefore: now, notAfter });
  const text = `${key.export({ type: "pkcs8", format: "pem" }) as string}${toPem("CERTIFICATE", certificate)}`;
  return (await createOnce(path, text)) ? text : await readFile(path, "utf8");
}

/** Creates a file whole or not at all; false when it is there already. */
async function createOnce(path: string, text: string): Promise<boolean> {
  const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
    await link(temporary, path);
    await syncFolder(dirname(path));
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await file.close();
    await unlink(temporary);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function parseKeyFile(path: string, pem: string): { key: KeyObject; certificate: string } {
  try {
    const key = createPrivateKey(pem);
    const certificate = new X509Certificate(pem.slice(pem.indexOf("-----BEGIN CERTIFICATE-----")));
    if (!certificate.checkPrivateKey(key)) throw new Error("the certificate belongs to another key");
    return { key, certificate: certificate.toString() };
  } catch (error) {
    const why = error instanceof Error ? error.message : "unreadable";
    throw new SigningKeyError(
      `${path} holds no usable signing key (${why}); restore it from a backup, or remove it to make a new one`,
      {
        cause: error,
      },
    );
  }
}
