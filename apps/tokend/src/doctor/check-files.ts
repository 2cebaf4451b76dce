import { randomBytes, X509Certificate } from "node:crypto";
import { readFile, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeAtomically, type WriteOptions } from "../atomic-write.js";
import type { MachineKey } from "@tokens/client/machine-key";
import { type InputFlags, openKey, readInputs } from "../load-inputs.js";
import { isPermissionError } from "../permission-error.js";
import { openFolder } from "../safe-folder.js";
import { isFile, isReadableByAll } from "../secret-source.js";
import { fail, type Finding, messageOf, pass, skip } from "./check.js";

/** A key that can be used, and the CAs that the server is trusted by. */
export interface OpenedInputs {
  readonly key: MachineKey;
  readonly ca: Buffer | undefined;
}

const KINDS: Readonly<Record<number, string>> = { 1: "RSA", 1000: "EC P-256", 1001: "EC P-384", 1002: "Ed25519" };

/** Whether the key and the certificate can be used; the key, when they can. */
export async function checkInputs(
  flags: InputFlags,
): Promise<{ findings: Finding[]; opened: OpenedInputs | undefined }> {
  try {
    const inputs = await readInputs({ ...flags, strictPermissions: false }, () => undefined);
    const key = await openKey(inputs);
    const findings = [
      pass("files", `${flags.key} and ${flags.certificateFile} can be read`),
      pass("key-matches-certificate", `${KINDS[key.algorithm.number] ?? "unknown"} key`),
    ];
    return { findings, opened: { key, ca: inputs.ca } };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const isUnreadable = code === "ENOENT" || code === "ENOTDIR" || isPermissionError(error);
    const finding = isUnreadable
      ? fail("files", messageOf(error), "check the paths, and that the user of tokend may read them")
      : fail(
          "key-matches-certificate",
          messageOf(error),
          "use the key and the certificate that were made together, in PEM",
        );
    return { findings: [finding], opened: undefined };
  }
}

/** Whether others can read the key. */
export function checkKeyPermissions({ key }: InputFlags): Finding {
  const check = "key-permissions";
  if (!isFile(key)) return skip(check, "the key does not lie in a file");
  try {
    if (!isReadableByAll(key)) return pass(check, "only its owner and group can read the key");
    return fail(check, `every user can read ${key}`, `chmod o-r ${key}`);
  } catch (error) {
    return skip(check, messageOf(error));
  }
}

/** Whether the certificate is valid now. */
export function checkCertificateDates(certificateDer: Uint8Array, nowMs: number): Finding {
  const check = "certificate-dates";
  const { validFrom, validTo } = new X509Certificate(certificateDer);
  const days = Math.floor((Date.parse(validTo) - nowMs) / 86_400_000);
  if (Date.parse(validFrom) > nowMs)
    return fail(check, `not valid before ${validFrom}`, "check this machine's clock, or wait");
  if (Date.parse(validTo) <= nowMs) return fail(check, `expired at ${validTo}`, "get a new certificate from your CA");
  return pass(check, `valid for ${days} more days, until ${validTo}`);
}

/** Whether the certificate comes from the CA that is named. */
export async function checkCertificateChain(
  certificateDer: Uint8Array,
  caFile: string,
  nowMs: number,
): Promise<Finding> {
  const check = "certificate-chain";
  const certificate = new X509Certificate(certificateDer);
  const issuer = certificate.issuer.replaceAll("\n", ", ");
  if (caFile === "") return skip(check, `issued by ${issuer}; -machine-ca FILE would check that`);
  try {
    const ca = new X509Certificate(await readFile(caFile));
    if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) {
      return fail(
        check,
        `${caFile} did not issue the certificate; ${issuer} did`,
        "use the CA's certificate, or a certificate of that CA",
      );
    }
    if (Date.parse(ca.validTo) <= nowMs) return fail(check, `the CA expired at ${ca.validTo}`, "renew the CA");
    return pass(check, `issued by ${issuer}`);
  } catch (error) {
    return fail(check, `${caFile}: ${messageOf(error)}`, "name a CA certificate in PEM or DER");
  }
}

/** Whether others can replace files beside the token. */
export function checkFolder(tokenFile: string, followLinks: boolean): Finding {
  const check = "token-folder";
  const path = dirname(tokenFile);
  try {
    const folder = openFolder(path, followLinks ? "all" : "trusted");
    folder.close();
    return folder.isShared
      ? fail(check, `others can replace files in ${path}`, `chmod go-w ${path}`)
      : pass(check, `only its owner can replace files in ${path}`);
  } catch (error) {
    return fail(check, messageOf(error), `make the folder, and give it to the user of tokend`);
  }
}

/** Whether a file can be written beside the token, by the way that tokend writes. Leaves nothing behind. */
export async function checkWrite(tokenFile: string, options: WriteOptions): Promise<Finding> {
  const check = "write";
  const probe = join(dirname(tokenFile), `.tokend-doctor-${randomBytes(8).toString("hex")}`);
  try {
    await writeAtomically(probe, "probe\n", options);
    await unlink(probe);
    return pass(check, `${dirname(tokenFile)} can be written`);
  } catch (error) {
    return fail(check, messageOf(error), "give the folder to the user of tokend, and make room on its disk");
  }
}
