import { MalformedInput } from "./errors.js";

/** One block of a PEM file (RFC 7468). */
export interface PemBlock {
  /** What stands after BEGIN, such as CERTIFICATE. */
  readonly label: string;
  readonly bytes: Uint8Array;
}

const BEGIN = /-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*\r?\n/g;

/** Reads all blocks of a file; text around them is skipped. Throws MalformedInput for a block that cannot be read. */
export function readPemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  BEGIN.lastIndex = 0;
  for (let begin = BEGIN.exec(text); begin; begin = BEGIN.exec(text)) {
    const label = begin[1] ?? "";
    const end = text.indexOf(`-----END ${label}-----`, BEGIN.lastIndex);
    if (end < 0) throw new MalformedInput(`a PEM block of type ${label} that does not end`);
    blocks.push({ label, bytes: decodeBase64(text.slice(BEGIN.lastIndex, end)) });
    BEGIN.lastIndex = end;
  }
  return blocks;
}

/** Base64 in lines. Decoded and encoded again it must be the same: the decoder takes anything. Throws MalformedInput. */
export function decodeBase64(lines: string): Buffer {
  const base64 = lines.replace(/[\r\n\t ]+/g, "");
  const bytes = Buffer.from(base64, "base64");
  if (bytes.toString("base64") !== base64) throw new MalformedInput("not valid base64 in the PEM block");
  return bytes;
}
