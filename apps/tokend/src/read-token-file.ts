import { parseTokenFile, type TokenFile } from "@tokens/client/token-file";
import { readRegularFile } from "./read-file.js";

/** A token file as it was found. */
export interface FoundTokenFile {
  /** Empty when there is none, or none that can be read. */
  readonly file: TokenFile;
  /** Its very text; undefined when it cannot be used. */
  readonly text?: string;
}

/** Reads a token file. One that is missing or cannot be used counts as empty; the latter is worth a warning. */
export function readTokenFile(path: string, warn: (message: string) => void): FoundTokenFile {
  try {
    const { text } = readRegularFile(path);
    return { file: parseTokenFile(text), text };
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!isMissing) warn(`cannot use the token file ${path}: ${describeReadError(error)}`);
    return { file: {} };
  }
}

/** What JSON.parse says of broken text repeats the text, and with it perhaps the token. */
export function describeReadError(error: unknown): string {
  return error instanceof SyntaxError ? "it is not JSON" : error instanceof Error ? error.message : "unreadable";
}
