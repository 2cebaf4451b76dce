import { isIP } from "node:net";
import { MintError } from "./errors.js";

/** Where a caller's token comes from. */
export interface TokenSource {
  /** A token that can be used now. Rejects when there is none. */
  token(): Promise<string>;
}

/**
 * Throws a MintError REFUSED for a URL that must not see a token: whoever reads a token can use it, so that it travels
 * by https, or by http to a loopback address (127.0.0.1, [::1]).
 */
export function requireConfidential(url: URL): void {
  const isLoopback = url.hostname === "[::1]" || (isIP(url.hostname) === 4 && url.hostname.startsWith("127."));
  if (url.protocol === "https:" || (url.protocol === "http:" && isLoopback)) return;
  throw new MintError("REFUSED", `no token is sent to ${url.origin}: it is not https, nor http to a loopback address`);
}
