import { asciiLowerCase, isCanonicalDomain } from "../domain-name.js";
import {
  type AccessTokenRequest,
  type Credential,
  type CredentialBackend,
  type CredentialRequest,
  CredentialRefused,
  type IdTokenRequest,
} from "./credential-backend.js";

/** Who makes the tokens of which accounts. */
export interface AccountCredentialsParts {
  /** Makes the tokens of all accounts whose domain nobody else has. */
  readonly otherwise: CredentialBackend;
  /** By domains, or by `*.<domain>` for all below one. */
  readonly byDomain: ReadonlyMap<string, CredentialBackend>;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** Whether a text names the domains of accounts: a canonical domain, or `*.` and one. */
export function isDomainPattern(text: string): boolean {
  return isCanonicalDomain(text.replace(/^\*\./, ""));
}

/**
 * Makes the tokens of all service accounts, each by the backend of its domain. Whatever a backend says: a token that does
 * not live long enough, or lives too long, is none.
 */
export class AccountCredentials implements CredentialBackend {
  readonly #parts: AccountCredentialsParts;

  constructor(parts: AccountCredentialsParts) {
    this.#parts = parts;
  }

  accessToken(request: AccessTokenRequest): Promise<Credential> {
    return this.#checked(request, (backend) => backend.accessToken(request));
  }

  idToken(request: IdTokenRequest): Promise<Credential> {
    return this.#checked(request, (backend) => backend.idToken(request));
  }

  async #checked(
    request: CredentialRequest,
    mint: (backend: CredentialBackend) => Promise<Credential>,
  ): Promise<Credential> {
    const askedMs = this.#parts.clock();
    requireTime(request.notAfterMs ?? Number.POSITIVE_INFINITY, askedMs, request.minValiditySeconds);
    const credential = await mint(this.#backendOf(request.account));
    requireTime(credential.expiryMs, askedMs, request.minValiditySeconds);
    if (request.notAfterMs !== undefined && credential.expiryMs > request.notAfterMs) {
      throw new CredentialRefused(
        "TOO_LONG",
        "it would live longer than the delegation token that it is asked for with",
      );
    }
    return credential;
  }

  #backendOf(account: string): CredentialBackend {
    const { byDomain, otherwise } = this.#parts;
    const domain = asciiLowerCase(account.slice(account.lastIndexOf("@") + 1));
    const labels = domain.split(".");
    const patterns = [domain, ...labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join(".")}`)];
    const pattern = patterns.find((candidate) => byDomain.has(candidate));
    return byDomain.get(pattern ?? "") ?? otherwise;
  }
}

/**
 * Compares whole seconds from the moment of asking on: a token for an hour is made in time, and its maker may have cut off
 * the fraction of the second in which it ends.
 */
function requireTime(expiryMs: number, askedMs: number, seconds: number): void {
  const left = Math.floor(expiryMs / 1000) - Math.floor(askedMs / 1000);
  if (left >= seconds) return;
  throw new CredentialRefused("TOO_SHORT", `it would live for ${left} s, and ${seconds} s are asked for`);
}
