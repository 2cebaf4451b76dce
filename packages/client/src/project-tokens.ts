import type { MintProjectTokenResponse } from "@tokens/api";
import { checkProjectAccess, type ProjectAccessRequest, readAccountToken } from "./account-exchange.js";
import { type KeeperOptions, type KeptToken, KeptTokens } from "./kept-tokens.js";

/** What a keeper of projects' tokens needs. */
export interface ProjectTokensOptions extends KeeperOptions {
  /** Gets one token: `TokenClient.mintProjectToken` with the credential of one caller. */
  readonly mint: (request: ReturnType<typeof checkProjectAccess>["message"]) => Promise<MintProjectTokenResponse>;
}

/** An access token of a project's service account. */
export interface ProjectToken extends KeptToken {
  readonly serviceAccount: string;
}

/** Mints access tokens of projects and keeps them, one for each request, as `DelegationTokens` does. */
export class ProjectTokens {
  readonly #mint: ProjectTokensOptions["mint"];
  readonly #kept: KeptTokens<ProjectToken>;

  constructor({ mint, ...options }: ProjectTokensOptions) {
    this.#mint = mint;
    this.#kept = new KeptTokens(options);
  }

  /** An OAuth2 access token. Rejects with a MintError. */
  async accessToken(request: ProjectAccessRequest): Promise<ProjectToken> {
    const { key, message, minTtlSeconds } = checkProjectAccess(request);
    const mint = async () => {
      const { accessToken, expiry, serviceAccountEmail } = await this.#mint(message);
      return { ...readAccountToken(accessToken, expiry), serviceAccount: serviceAccountEmail };
    };
    return this.#kept.get({ key, minTtlMs: minTtlSeconds * 1000, mint });
  }
}
