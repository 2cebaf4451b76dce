import { rememberVerdicts } from "./remember-verdicts.js";
import type { Trust } from "./trust.js";
import type { CacheOptions } from "./verdict-cache.js";
import { judgeMachineToken, type MachineIdentity, type TokenExpectations } from "./verify-machine-token.js";

/** What a verifier expects of tokens, and how it remembers them. */
export interface VerifierOptions extends TokenExpectations, CacheOptions {}

/** Decides as `verifyMachineToken` does; `now` is in Unix seconds, fractions count. Throws TokenRejected. */
export type MachineTokenVerifier = (token: string, trust: Trust, now: number) => MachineIdentity;

/** A verifier that remembers good tokens, and gives the verdicts of one that does not. */
export function machineTokenVerifier(options: VerifierOptions = {}): MachineTokenVerifier {
  return rememberVerdicts(
    {
      judge: (token, trust, now) => judgeMachineToken(token, trust, now, options),
      revokedUntil: (token, trust, machine) => trust.revocations.machineTokenUntil(token, machine),
    },
    options,
  );
}
