import type { Interceptor } from "@connectrpc/connect";
import { MACHINE_TOKEN_HEADER } from "@tokens/machine-auth/machine-token";
import { requireConfidential, type TokenSource } from "./token-source.js";

/**
 * Sends a machine token with each call of a Connect transport. Calls reject with a MintError for a URL that is not https,
 * nor http to a loopback address, and with what the source rejects with.
 */
export function tokenInterceptor(source: TokenSource): Interceptor {
  return (next) => async (request) => {
    requireConfidential(new URL(request.url));
    request.header.set(MACHINE_TOKEN_HEADER, await source.token());
    return next(request);
  };
}
