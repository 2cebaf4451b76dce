import { parseTokenFile, serializeTokenFile, type TokenFile } from "@tokens/client/token-file";
import { type Written, writeAtomically, type WriteOptions } from "./atomic-write.js";
import { describeReadError } from "./read-token-file.js";
import { decodeState } from "./tokend-state.js";

/** What became of the places that a token was written to. */
export interface Saved {
  /** What is now in the last place that was looked at: the token, or a later one that another agent wrote. */
  readonly token: TokenFile;
  readonly replaced: number;
  /** The first error; all places are tried. */
  readonly error: unknown;
}

/** How a token is saved. */
export interface SaveOptions extends WriteOptions {
  /** A file with this very text is replaced even if its token lives longer: the caller saw it and wants another. */
  readonly overrules?: string | undefined;
}

/**
 * Writes a token wherever it is not yet. A place where another agent has put a later token from the same inputs keeps it,
 * and so do the places after it: what readers see never goes back.
 */
export async function saveToken(paths: readonly string[], token: TokenFile, options: SaveOptions): Promise<Saved> {
  let latest = token;
  let replaced = 0;
  let error: unknown;
  const mayReplace = (present: string) => {
    const found = present === options.overrules ? undefined : laterToken(present, latest);
    if (found) latest = found;
    return !found;
  };
  for (const path of paths) {
    try {
      const written: Written = await writeAtomically(path, serializeTokenFile(latest), options, mayReplace);
      if (written === "replaced") replaced++;
    } catch (failure) {
      options.warn(`cannot write ${path}: ${describeReadError(failure)}`);
      error ??= failure;
    }
  }
  return { token: latest, replaced, error };
}

/** The token in a file, if it was minted from the same inputs and expires later. */
function laterToken(present: string, token: TokenFile): TokenFile | undefined {
  try {
    const found = parseTokenFile(present);
    const digest = decodeState(found.tokend_state)?.inputsDigest;
    const isSameKind =
      (found.luci_machine_token ?? "") !== "" && digest === decodeState(token.tokend_state)?.inputsDigest;
    return isSameKind && (found.expiry ?? 0) > (token.expiry ?? 0) ? found : undefined;
  } catch {
    // Whatever is there, it is no token.
    return undefined;
  }
}
