import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { loadMachineKey, type MachineKey, MachineKeyError } from "@tokens/client/machine-key";
import { openPkcs11Key } from "@tokens/client/pkcs11";
import type { Flags } from "./flags.js";
import { inputsDigest } from "./inputs-digest.js";
import { isFile, isInToken, isReadableByAll, readSecret } from "./secret-source.js";

/** What a token is minted with, as it was read. */
export interface Inputs {
  /** Where the key comes from. */
  readonly key: string;
  readonly keyBytes: Buffer;
  readonly certificate: Buffer;
  /** Opens an encrypted key. */
  readonly passphrase: Buffer | undefined;
  /** The only CAs that the server's certificate may come from, in PEM. */
  readonly ca: Buffer | undefined;
  /** Changes with any byte of what the token depends on. */
  readonly digest: string;
}

/** Flags that name the inputs. */
export type InputFlags = Pick<
  Flags,
  "key" | "passphrase" | "certificateFile" | "caFile" | "backend" | "audience" | "strictPermissions"
>;

/** Reads the key, the certificate and the CAs. Rejects with the error of the file system. */
export async function readInputs(flags: InputFlags, warn: (message: string) => void): Promise<Inputs> {
  const { key, backend, audience, certificateFile, caFile } = flags;
  requirePrivate(flags, warn);
  const keyBytes = await readSecret(key);
  const certificate = readFileSync(certificateFile);
  const passphrase = flags.passphrase === "" ? undefined : trimLineEnd(await readSecret(flags.passphrase));
  const ca = caFile === "" ? undefined : readFileSync(caFile);
  const digest = inputsDigest({ backend, audience, certificate, key: keyBytes });
  return { key, keyBytes, certificate, passphrase, ca, digest };
}

/**
 * Makes the key that signs of what was read. Rejects with a MachineKeyError that says what is wrong. Inputs whose digest
 * is that of the present token need none of this: they have minted it.
 */
export async function openKey({ key, keyBytes, certificate, passphrase, ca }: Inputs): Promise<MachineKey> {
  const certificatePem = certificate.toString("latin1");
  if (ca && !areCertificates(ca)) throw new MachineKeyError("the CA file is no list of certificates in PEM");
  // The flag says so, never what it names: whoever writes that file must not choose a library for the agent to load.
  if (!isInToken(key)) {
    return loadMachineKey(keyBytes.toString("latin1"), certificatePem, passphrase ? { passphrase } : {});
  }
  return openPkcs11Key(key, certificatePem, passphrase?.toString("utf8"));
}

function requirePrivate({ key, strictPermissions }: InputFlags, warn: (message: string) => void): void {
  if (!isFile(key) || !isReadableByAll(key)) return;
  const message = `every user can read the key ${key}: take that permission away (chmod o-r)`;
  if (strictPermissions) throw Object.assign(new Error(message), { code: "EPERM" });
  warn(message);
}

/** Node would say that a CA cannot be read only when it connects, as if the server could not be reached. */
function areCertificates(pem: Buffer): boolean {
  const blocks = pem.toString("latin1").match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new X509Certificate(block)).length > 0;
  } catch {
    // What exactly is wrong with a certificate, OpenSSL says in words for its own developers.
    return false;
  }
}

/** Editors end files with a line; passphrases do not. */
function trimLineEnd(secret: Buffer): Buffer {
  const end = secret.at(-1) === 0x0a ? (secret.at(-2) === 0x0d ? -2 : -1) : undefined;
  return secret.subarray(0, end);
}
