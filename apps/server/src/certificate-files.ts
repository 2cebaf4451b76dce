import { readFileSync } from "node:fs";
import { type Certificate, MalformedInput, parseCertificate, readPemBlocks } from "@tokens/pki";
import { UsageError } from "./exit-code.js";

/** Reads a file, or stdin for `-`. Throws a UsageError that names what should have been there. */
export function readInput(file: string, what: string): Uint8Array {
  try {
    return readFileSync(file === "-" ? 0 : file);
  } catch (error) {
    throw new UsageError(`cannot read ${what} ${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** Reads the one certificate of a file, in PEM or DER. Throws MalformedInput. */
export function readCertificate(bytes: Uint8Array): Certificate {
  const [der, ...more] = certificatesIn(bytes);
  if (!der) throw new MalformedInput("neither DER nor PEM of type CERTIFICATE");
  if (more.length > 0) throw new MalformedInput("more than one certificate in the file");
  return parseCertificate(der);
}

/**
 * Reads all certificates of a file. One that cannot be read vouches for nothing: it is left out, and said on stderr.
 * Throws a UsageError where there is none at all.
 */
export function readCertificates(file: string, option: string): Certificate[] {
  const found = split(file, option);
  if (found.length === 0) throw new UsageError(`${option} ${file} has no certificate in PEM or DER`);
  return found.flatMap((der, index) => {
    try {
      return parseCertificate(der);
    } catch (error) {
      if (!(error instanceof MalformedInput)) throw error;
      console.error(`tokens: certificate ${index + 1} of ${option} ${file} is left out: ${error.message}`);
      return [];
    }
  });
}

function split(file: string, option: string): Uint8Array[] {
  try {
    return certificatesIn(readInput(file, option));
  } catch (error) {
    if (error instanceof MalformedInput) throw new UsageError(`${option} ${file}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** A DER file is one certificate; of a PEM file other blocks and the text around them are skipped. */
function certificatesIn(bytes: Uint8Array): Uint8Array[] {
  if (bytes[0] === 0x30) return [bytes];
  const blocks = readPemBlocks(Buffer.from(bytes).toString("latin1"));
  return blocks.flatMap((block) => (block.label === "CERTIFICATE" ? [block.bytes] : []));
}
