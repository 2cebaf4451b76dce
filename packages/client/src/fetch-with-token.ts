import { MACHINE_TOKEN_HEADER } from "@tokens/machine-auth/machine-token";
import { requireConfidential, type TokenSource } from "./token-source.js";

/** The global `fetch`, or one that is called like it. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/**
 * A `fetch` that sends a machine token with each request. It rejects with a MintError for a URL that is not https, nor
 * http to a loopback address, and with what the source rejects with. Redirects are errors, unless the caller handles them
 * (`redirect: "manual"`): they would carry the token to another server.
 */
export function fetchWithToken(source: TokenSource, fetchPlain: Fetch = fetch): Fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    requireConfidential(new URL(request.url));
    const headers = new Headers(request.headers);
    headers.set(MACHINE_TOKEN_HEADER, await source.token());
    const redirect = request.redirect === "manual" ? "manual" : "error";
    return fetchPlain(new Request(request, { headers, redirect }));
  };
}
