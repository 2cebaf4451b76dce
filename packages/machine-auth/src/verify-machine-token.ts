import { TokenRejected } from "./errors.js";
import { isBotName } from "./identity.js";
import {
  decodeUnverifiedMachineToken,
  MAX_MACHINE_TOKEN_LENGTH,
  type MachineTokenBody,
  machineTokenSignedBytes,
} from "./machine-token.js";
import type { Verdict } from "./remember-verdicts.js";
import { checkSignature, trustedKeys } from "./token-signature.js";
import type { Trust } from "./trust.js";

/** How far the clocks of token server and verifier may differ, in seconds, either way. */
const CLOCK_DRIFT_SECONDS = 10;

/** Longest life of a token that is believed, in seconds: no server makes tokens that live longer than a day. */
export const MAX_LIFETIME_SECONDS = 86_400;

/** Every token is decoded here: nothing of an answer lies in it. */
const memory = Buffer.allocUnsafeSlow(MAX_MACHINE_TOKEN_LENGTH);

/** The machine that a good token speaks for. */
export interface MachineIdentity {
  /** `bot:<fqdn>` */
  readonly identity: string;
  readonly machineFqdn: string;
  /** E-mail of the token server's service account. */
  readonly issuedBy: string;
  /** Id of the CA of the machine's certificate. */
  readonly caId: bigint;
  /** Serial number of the certificate in lower-case hex: unsigned, big-endian, without leading zero bytes. */
  readonly certSn: string;
  /** Unix seconds. */
  readonly issuedAt: number;
  /** Unix seconds. */
  readonly expiresAt: number;
}

/** What a service expects of tokens. */
export interface TokenExpectations {
  /** Tokens that live longer are refused, in seconds. Default: 86,400. */
  readonly maxLifetimeSeconds?: number;
  /** The name of this service in the audience of tokens. A token that is meant for others only is refused. */
  readonly audience?: string;
}

/** How a token is verified. */
export interface VerifyOptions extends TokenExpectations {
  /** Unix seconds; fractions count. */
  readonly now: number;
}

/**
 * Decides whether a token is good, and who it is: pure, synchronous, offline. The checks are in the order of LUCI's
 * checker, cheap ones before the signature; revocation comes last. Throws TokenRejected.
 */
export function verifyMachineToken(token: string, trust: Trust, options: VerifyOptions): MachineIdentity {
  return judgeMachineToken(token, trust, options.now, options).value;
}

/** As {@link verifyMachineToken}, with what a cache needs to know. */
export function judgeMachineToken(
  token: string,
  trust: Trust,
  now: number,
  expected: TokenExpectations,
): Verdict<MachineIdentity> {
  const { body, keyId, tokenBody, rsaSha256 } = decodeUnverifiedMachineToken(token, memory);
  const keys = trustedKeys(trust, body.issuedBy);
  checkTime(body, now, expected.maxLifetimeSeconds ?? MAX_LIFETIME_SECONDS);
  const key = checkSignature(keys, keyId, machineTokenSignedBytes(tokenBody), rsaSha256);
  // From here on: the issuer said what the body says.
  checkAudience(body, expected.audience);
  const machine = identityOf(body);
  const revokedUntil = trust.revocations.machineTokenUntil(token, machine);
  if (now < revokedUntil) {
    throw new TokenRejected("REVOKED", "the token was revoked, or its machine, certificate or CA");
  }
  const from = Math.max(body.issuedAt - CLOCK_DRIFT_SECONDS, revokedUntil);
  return { value: machine, issuer: body.issuedBy, keyId, key, from, to: machine.expiresAt + CLOCK_DRIFT_SECONDS };
}

/** Written so that a time that is not a number is refused. */
function checkTime({ issuedAt, lifetime }: MachineTokenBody, now: number, maxLifetimeSeconds: number): void {
  if (!(lifetime > 0 && lifetime <= maxLifetimeSeconds)) {
    throw new TokenRejected("MALFORMED", `the token's lifetime is not within 1 to ${maxLifetimeSeconds} seconds`);
  }
  if (!(now >= issuedAt - CLOCK_DRIFT_SECONDS)) {
    throw new TokenRejected("NOT_YET_VALID", "the token is not valid yet");
  }
  if (!(now <= issuedAt + lifetime + CLOCK_DRIFT_SECONDS)) throw new TokenRejected("EXPIRED", "the token has expired");
}

function checkAudience({ audience }: MachineTokenBody, self: string | undefined): void {
  if (audience.length === 0 || (self !== undefined && audience.includes(self))) return;
  throw new TokenRejected("WRONG_AUDIENCE", "the token is meant for other services");
}

function identityOf({ machineFqdn, issuedBy, caId, certSn, issuedAt, lifetime }: MachineTokenBody): MachineIdentity {
  if (!isBotName(machineFqdn)) {
    throw new TokenRejected("BAD_IDENTITY", "the token's machine name is not a valid identity");
  }
  const expiresAt = issuedAt + lifetime;
  return Object.freeze({ identity: `bot:${machineFqdn}`, machineFqdn, issuedBy, caId, certSn, issuedAt, expiresAt });
}
