import type { MintServiceAccountTokenResponse } from "@tokens/api";
import {
  type AccountAccessRequest,
  type AccountIdRequest,
  checkAccountAccess,
  checkAccountId,
  type CheckedAccountRequest,
  readAccountToken,
} from "./account-exchange.js";
import { type KeeperOptions, type KeptToken, KeptTokens } from "./kept-tokens.js";

type Checked = ReturnType<typeof checkAccountAccess>;

/** What a keeper of service accounts' tokens needs. */
export interface ServiceAccountTokensOptions extends KeeperOptions {
  /** Gets one token: `TokenClient.mintServiceAccountToken` with the credential of one caller. */
  readonly mint: (request: Checked["message"]) => Promise<MintServiceAccountTokenResponse>;
}

/**
 * Mints access tokens and ID tokens of service accounts and keeps them, one for each request, as `DelegationTokens` does.
 * All tokens are those that the one caller may have as whom `mint` calls.
 */
export class ServiceAccountTokens {
  readonly #mint: ServiceAccountTokensOptions["mint"];
  readonly #kept: KeptTokens<KeptToken>;

  constructor({ mint, ...options }: ServiceAccountTokensOptions) {
    this.#mint = mint;
    this.#kept = new KeptTokens(options);
  }

  /** An OAuth2 access token. Rejects with a MintError, as all of these. */
  async accessToken(request: AccountAccessRequest): Promise<KeptToken> {
    return this.#get(checkAccountAccess(request));
  }

  /** An OpenID Connect ID token. */
  async idToken(request: AccountIdRequest): Promise<KeptToken> {
    return this.#get(checkAccountId(request));
  }

  #get({ key, message, minTtlSeconds }: CheckedAccountRequest<Checked["message"]>): Promise<KeptToken> {
    const mint = async () => {
      const { token, expiry } = await this.#mint(message);
      return readAccountToken(token, expiry);
    };
    return this.#kept.get({ key, minTtlMs: minTtlSeconds * 1000, mint });
  }
}
