import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { loadMachineKey, MachineKeyError, type MachineKey } from "@tokens/client/machine-token";
import type { Flags } from "./flags.js";
import { inputsDigest } from "./inputs-digest.js";
import { isFile, isReadableByAll, readSecret } from "./secret-source.js";

/** What a token is minted with. */
export interface Inputs {
  readonly key: MachineKey;
  /** Changes with any byte of what the token depends on. */
  readonly digest: string;
  /** The only CAs that the server's certificate may come from, in PEM. */
  readonly ca: Buffer | undefined;
}

/** Flags that name the inputs. */
export type InputFlags = Pick<
  Flags,
  "key" | "passphrase" | "certificateFile" | "caFile" | "backend" | "strictPermissions"
>;

/** Reads the key, the certificate and the CAs. Rejects with the error of the file system, or an Error that says which is wrong. */
export async function loadInputs(flags: InputFlags, warn: (message: string) => void): Promise<Inputs> {
  const { backend, certificateFile } = flags;
  await requirePrivate(flags, warn);
  const keyBytes = await readSecret(flags.key);
  const certificate = await readFile(certificateFile);
  const passphrase = flags.passphrase === "" ? undefined : trimLineEnd(await readSecret(flags.passphrase));
  const key = loadMachineKey(
    keyBytes.toString("latin1"),
    certificate.toString("latin1"),
    passphrase ? { passphrase } : {},
  );
  return { key, digest: inputsDigest({ backend, certificate, key: keyBytes }), ca: await loadCas(flags.caFile) };
}

async function requirePrivate({ key, strictPermissions }: InputFlags, warn: (message: string) => void): Promise<void> {
  if (!isFile(key) || !(await isReadableByAll(key))) return;
  const message = `every user can read the key ${key}: take that permission away (chmod o-r)`;
  if (strictPermissions) throw new MachineKeyError(message);
  warn(message);
}

async function loadCas(file: string): Promise<Buffer | undefined> {
  if (file === "") return undefined;
  const pem = await readFile(file);
  const blocks = pem.toString("latin1").match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new MachineKeyError(`${file} holds no certificate in PEM`);
  // Node would say so only when it connects, as if the server could not be reached.
  for (const block of blocks) requireCertificate(block, file);
  return pem;
}

function requireCertificate(pem: string, file: string): void {
  try {
    void new X509Certificate(pem);
  } catch (error) {
    throw new MachineKeyError(`${file} holds a certificate that cannot be read`, { cause: error });
  }
}

/** Editors end files with a line; passphrases do not. */
function trimLineEnd(secret: Buffer): Buffer {
  const end = secret.at(-1) === 0x0a ? (secret.at(-2) === 0x0d ? -2 : -1) : undefined;
  return secret.subarray(0, end);
}
