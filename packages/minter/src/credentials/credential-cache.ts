import { createHash } from "node:crypto";
import type { Credential, CredentialBackend, CredentialRequest } from "./credential-backend.js";

/** Most tokens that are kept; the one that was not used for longest goes first. */
const MAX_CREDENTIALS = 8192;

/** A longer token is not kept: callers choose audiences and scopes, and must not fill the memory with them. */
const MAX_TOKEN_LENGTH = 8192;

/**
 * Keeps the tokens that a backend makes, for all who ask for the same: those that nobody else's name is in. One is handed
 * out as long as it lives longer than it must; who asks while one is made gets that one.
 */
export function cachedCredentials(
  backend: CredentialBackend,
  clock: () => number,
  maxCredentials: number = MAX_CREDENTIALS,
): CredentialBackend {
  const kept = new Map<string, Credential>();
  const flights = new Map<string, Promise<Credential>>();

  const keep = (key: string, credential: Credential) => {
    if (credential.token.length > MAX_TOKEN_LENGTH) return credential;
    kept.set(key, credential);
    for (const oldest of kept.keys()) {
      if (kept.size <= maxCredentials) break;
      kept.delete(oldest);
    }
    return credential;
  };

  const get = async (
    what: readonly unknown[],
    request: CredentialRequest,
    mint: () => Promise<Credential>,
  ): Promise<Credential> => {
    const key = digest([request.account, request.delegates, ...what]);
    const known = kept.get(key);
    if (known && isGood(known, request, clock())) {
      kept.delete(key);
      return keep(key, known);
    }
    // One that must end early is for nobody else.
    if (request.notAfterMs !== undefined) return mint();
    const flight = flights.get(key) ?? mint().then((credential) => keep(key, credential));
    flights.set(key, flight);
    return flight.finally(() => {
      if (flights.get(key) === flight) flights.delete(key);
    });
  };

  return {
    accessToken: (request) => get(["access", request.scopes], request, () => backend.accessToken(request)),
    idToken: (request) => get(["id", request.audience], request, () => backend.idToken(request)),
  };
}

function digest(what: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(what)).digest("base64");
}

function isGood(
  { expiryMs }: Credential,
  { minValiditySeconds, notAfterMs }: CredentialRequest,
  nowMs: number,
): boolean {
  return expiryMs - nowMs > minValiditySeconds * 1000 && expiryMs <= (notAfterMs ?? Number.POSITIVE_INFINITY);
}
