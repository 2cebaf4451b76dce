import { MachineKeyError } from "./errors.js";

/** The content of a PEM file. */
export interface PemBlock {
  /** What stands between `BEGIN` and the dashes. */
  readonly label: string;
  readonly der: Buffer;
}

/**
 * Reads a text that holds exactly one PEM block: other text may stand before it, nothing after it. Throws a
 * MachineKeyError that says what is wrong with `what`, and never repeats the text.
 */
export function readPemBlock(pem: string, what: string): PemBlock {
  if (/^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    throw new MachineKeyError(
      `the ${what} is encrypted in OpenSSL's old way: convert it to PKCS#8 with "openssl pkcs8 -topk8 -in FILE"`,
    );
  }
  const match = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----\r?\n?/.exec(pem);
  if (!match) throw new MachineKeyError(`not a valid ${what} PEM`);
  if (match.index + match[0].length !== pem.length) {
    throw new MachineKeyError(`not a valid ${what} PEM: something follows the first block, if only a blank line`);
  }
  return { label: match[1] ?? "", der: Buffer.from(match[2] ?? "", "base64") };
}
