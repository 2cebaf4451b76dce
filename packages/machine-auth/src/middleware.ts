import { type Authentication, authenticator, type AuthenticatorOptions, type Credentials } from "./authenticate.js";
import { identityHeaders } from "./identity-headers.js";
import { credentialsOf, type NodeHeaders, rawValues, removeForgedHeaders, setHeaders } from "./request-headers.js";
import { trustFromServer } from "./open-trust.js";
import type { TrustSource } from "./trust-source.js";

/** How a server is protected; `R` is a request of its framework. */
export interface MiddlewareOptions<R> extends Omit<AuthenticatorOptions, "trust"> {
  /** Base URL of the token server, or any trust source. */
  readonly trust: string | TrustSource;
  /** Identity of a peer that is known by other means, such as a TLS certificate; undefined if it is not. */
  readonly peer?: (request: R) => string | undefined | Promise<string | undefined>;
  /** Also set the request's `X-Tokens-…` headers, for an application that reads nothing else. */
  readonly identityHeaders?: boolean;
}

/** Requests that are not confirmed are answered, and never reach the application. */
export interface Enforce {
  readonly mode?: "enforce";
}

/** Every request reaches the application, which must look at `caller.status` before anything else. */
export interface Annotate {
  readonly mode: "annotate";
}

/** Makes what authenticates requests by their credentials and, where there is one, by the application's own `peer`. */
export function requestAuthenticator<R>(
  options: MiddlewareOptions<R>,
): (request: R, credentials: Credentials) => Promise<Authentication> {
  const trust = typeof options.trust === "string" ? trustFromServer(options.trust) : options.trust;
  const authenticate = authenticator({ ...options, trust });
  const { peer } = options;
  return async (request, credentials) =>
    authenticate(peer === undefined ? credentials : { ...credentials, peer: await peer(request) });
}

/** Makes what authenticates requests of Node's servers: forged headers go before anything is waited for. */
export function nodeAuthenticator<R>(
  options: MiddlewareOptions<R>,
  headersOf: (request: R) => NodeHeaders,
): (request: R) => Promise<Authentication> {
  const authenticate = requestAuthenticator(options);
  return async (request) => {
    const headers = headersOf(request);
    removeForgedHeaders(headers);
    const authentication = await authenticate(request, credentialsOf(rawValues(headers)));
    if (options.identityHeaders === true) setHeaders(headers, identityHeaders(authentication));
    return authentication;
  };
}
