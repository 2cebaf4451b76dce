import { readFileSync, statSync } from "node:fs";
import { parseTokenFile } from "@tokens/client/token-file";

/** A reader that looks at a token file again and again, as a service would. */
export interface TokenWatch {
  /** What it saw that no reader may see. */
  readonly offences: string[];
  /** How often it looked, and the latest expiry that it saw. */
  readonly seen: { reads: number; expiry: number };
  /** Looks once more, and no more. */
  stop(): void;
}

/** Watches a file that is there: it must always hold a whole token, for its owner alone, that is not older than the one before. */
export function watchToken(path: string): TokenWatch {
  const offences: string[] = [];
  const seen = { reads: 0, expiry: 0 };
  const look = () => {
    seen.reads++;
    try {
      const { luci_machine_token: token = "", expiry = 0 } = parseTokenFile(readFileSync(path, "utf8"));
      if (token === "") offences.push("no token");
      if (expiry < seen.expiry) offences.push(`${expiry} after ${seen.expiry}`);
      seen.expiry = Math.max(seen.expiry, expiry);
      if ((statSync(path).mode & 0o777) !== 0o600) offences.push("another mode");
    } catch (error) {
      offences.push((error as Error).message);
    }
  };
  let over = false;
  const again = () => {
    if (over) return;
    look();
    setTimeout(again, 0);
  };
  again();
  const stop = () => {
    over = true;
    look();
  };
  return { offences, seen, stop };
}
