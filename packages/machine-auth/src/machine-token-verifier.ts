import type { Trust } from "./trust.js";
import { type CacheOptions, VerdictCache } from "./verdict-cache.js";
import {
  judgeMachineToken,
  type MachineIdentity,
  type MachineTokenVerdict,
  type TokenExpectations,
} from "./verify-machine-token.js";

/** What a verifier expects of tokens, and how it remembers them. */
export interface VerifierOptions extends TokenExpectations, CacheOptions {}

/** Decides as `verifyMachineToken` does; `now` is in Unix seconds, fractions count. Throws TokenRejected. */
export type MachineTokenVerifier = (token: string, trust: Trust, now: number) => MachineIdentity;

interface RememberedVerdict extends MachineTokenVerdict {
  /** The last trust by which the verdict was found to hold. */
  trust: Trust;
}

/**
 * A verifier that remembers good tokens: a machine sends the same one for half an hour, and a signature takes 20 µs.
 * Nothing else is remembered, and what is decides nothing by itself: time, key and revocations are checked each time.
 */
export function machineTokenVerifier(options: VerifierOptions = {}): MachineTokenVerifier {
  const cache = new VerdictCache<RememberedVerdict>(options);
  return (token, trust, now) => {
    const known = cache.find(token);
    if (known && now >= known.from && now <= known.to && (known.trust === trust || stillHolds(known, token, trust))) {
      return known.machine;
    }
    const verdict = judgeMachineToken(token, trust, now, options);
    cache.add(token, { ...verdict, trust });
    return verdict.machine;
  };
}

/** Whether a verdict holds by another trust too: the key is still its issuer's, and nothing was ever revoked. */
function stillHolds(known: RememberedVerdict, token: string, trust: Trust): boolean {
  const key = trust.issuers.get(known.machine.issuedBy)?.get(known.keyId);
  if (!key?.equals(known.key)) return false;
  if (trust.revocations.machineTokenUntil(token, known.machine) > known.from) return false;
  known.trust = trust;
  return true;
}
