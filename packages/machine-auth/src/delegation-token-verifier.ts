import { rememberVerdicts } from "./remember-verdicts.js";
import type { Trust } from "./trust.js";
import type { CacheOptions } from "./verdict-cache.js";
import {
  checkDelegation,
  type Delegation,
  type DelegationContext,
  judgeDelegationToken,
} from "./verify-delegation-token.js";

/** How long delegation tokens may live, and how they are remembered. */
export interface DelegationVerifierOptions extends CacheOptions {
  /** Tokens that live longer are refused, in seconds. Default: 86,400. */
  readonly maxLifetimeSeconds?: number;
}

/** Decides as `verifyDelegationToken` does; `now` is in Unix seconds. */
export type DelegationTokenVerifier = (
  token: string,
  trust: Trust,
  now: number,
  context: DelegationContext,
) => Promise<Delegation>;

/** A verifier that remembers what good tokens say; who sends them, and where, is looked at each time. */
export function delegationTokenVerifier(options: DelegationVerifierOptions = {}): DelegationTokenVerifier {
  const verify = rememberVerdicts(
    {
      judge: (token, trust, now) => judgeDelegationToken(token, trust, now, options.maxLifetimeSeconds),
      revokedUntil: (token, trust) => trust.revocations.tokenUntil(token),
    },
    options,
  );
  return async (token, trust, now, context) => {
    const delegation = verify(token, trust, Math.floor(now));
    await checkDelegation(delegation, context);
    return delegation;
  };
}
