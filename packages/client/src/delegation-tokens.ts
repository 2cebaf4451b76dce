import type { MintDelegationTokenResponse } from "@tokens/api";
import {
  type CheckedDelegation,
  checkDelegation,
  type DelegationRequest,
  readDelegationResponse,
} from "./delegation-exchange.js";
import { type KeeperOptions, type KeptToken, KeptTokens } from "./kept-tokens.js";

/** What a keeper of delegation tokens needs. */
export interface DelegationTokensOptions extends KeeperOptions {
  /** Gets one token: `TokenClient.mintDelegationToken` with the credential of one caller. */
  readonly mint: (request: CheckedDelegation["message"]) => Promise<MintDelegationTokenResponse>;
}

/** A token that others accept for somebody. */
export type DelegationToken = KeptToken;

/**
 * Mints delegation tokens and keeps them, one for each request. A token that is used is refreshed beside its users from
 * about half of its life on; one attempt a request is under way at a time, and failures are followed by growing pauses.
 * All tokens belong to the one caller as whom `mint` calls.
 */
export class DelegationTokens {
  readonly #mint: DelegationTokensOptions["mint"];
  readonly #kept: KeptTokens<DelegationToken>;

  constructor({ mint, ...options }: DelegationTokensOptions) {
    this.#mint = mint;
    this.#kept = new KeptTokens(options);
  }

  /**
   * A token with at least the asked time to live. Waits only when there is none. Rejects with a MintError: REFUSED for a
   * request that cannot be sent, BAD_RESPONSE for an answer that does not fit it, else with what minting rejects with.
   */
  async delegate(request: DelegationRequest): Promise<DelegationToken> {
    const checked = checkDelegation(request);
    return this.#kept.get({
      key: checked.key,
      minTtlMs: checked.minTtlSeconds * 1000,
      mint: async (asked) => {
        const token = readDelegationResponse(await this.#mint(checked.message), checked);
        // The life counts from the question: no sooner can it have begun, whatever the server's clock says.
        return { token, expiryMs: asked.wallMs + checked.validitySeconds * 1000 };
      },
    });
  }
}
