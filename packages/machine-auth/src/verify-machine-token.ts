import { type KeyObject, verify } from "node:crypto";
import { TokenRejected } from "./errors.js";
import { isIdentity } from "./identity.js";
import {
  decodeUnverifiedMachineToken,
  type MachineTokenBody,
  machineTokenSignedBytes,
  type UnverifiedMachineToken,
} from "./machine-token.js";
import type { Trust } from "./trust.js";

/** How far the clocks of token server and verifier may differ, in seconds, either way. */
const CLOCK_DRIFT_SECONDS = 10;

/** Longest life of a token that is believed, in seconds: no server makes tokens that live longer than a day. */
const MAX_LIFETIME_SECONDS = 86_400;

/** The machine that a good token speaks for. */
export interface MachineIdentity {
  /** `bot:<fqdn>` */
  readonly identity: string;
  readonly machineFqdn: string;
  /** E-mail of the token server's service account. */
  readonly issuedBy: string;
  /** Id of the CA of the machine's certificate. */
  readonly caId: bigint;
  /** Serial number of the certificate: unsigned, big-endian. */
  readonly certSn: Uint8Array;
  /** Unix seconds. */
  readonly issuedAt: number;
  /** Unix seconds. */
  readonly expiresAt: number;
}

/** How a token is verified. */
export interface VerifyOptions {
  /** Unix seconds; fractions count. */
  readonly now: number;
  /** Tokens that live longer are refused, in seconds. Default: 86,400. */
  readonly maxLifetimeSeconds?: number;
  /** The name of this service in the audience of tokens. A token that is meant for others only is refused. */
  readonly audience?: string;
}

/**
 * Decides whether a token is good, and who it is: pure, synchronous, offline. The checks are in the order of LUCI's
 * checker, cheap ones before the signature. Throws TokenRejected.
 */
export function verifyMachineToken(token: string, trust: Trust, options: VerifyOptions): MachineIdentity {
  const unverified = decodeUnverifiedMachineToken(token);
  const { body } = unverified;
  const keys = trustedKeys(trust, body.issuedBy);
  checkTime(body, options);
  checkSignature(unverified, keys);
  // From here on: the issuer said what the body says.
  checkAudience(body, options.audience);
  return identityOf(body);
}

/** Issuers are compared exactly: an e-mail in other letters is another issuer. */
function trustedKeys(trust: Trust, issuedBy: string): ReadonlyMap<string, KeyObject> {
  const keys = trust.issuers.get(issuedBy);
  if (!keys) throw new TokenRejected("UNKNOWN_ISSUER", "the token is of an issuer that is not trusted");
  return keys;
}

/** Written so that a time that is not a number is refused. */
function checkTime({ issuedAt, lifetime }: MachineTokenBody, options: VerifyOptions): void {
  const { now, maxLifetimeSeconds = MAX_LIFETIME_SECONDS } = options;
  if (!(lifetime > 0 && lifetime <= maxLifetimeSeconds)) {
    throw new TokenRejected("MALFORMED", `the token's lifetime is not within 1 to ${maxLifetimeSeconds} seconds`);
  }
  if (!(now >= issuedAt - CLOCK_DRIFT_SECONDS)) {
    throw new TokenRejected("NOT_YET_VALID", "the token is not valid yet");
  }
  if (!(now <= issuedAt + lifetime + CLOCK_DRIFT_SECONDS)) throw new TokenRejected("EXPIRED", "the token has expired");
}

/** The key decides the algorithm, never the token: only RSA keys get into a Trust. */
function checkSignature(token: UnverifiedMachineToken, keys: ReadonlyMap<string, KeyObject>): void {
  const key = keys.get(token.keyId);
  if (!key) throw new TokenRejected("UNKNOWN_KEY", "the token is signed with a key that its issuer does not publish");
  if (!verify("sha256", machineTokenSignedBytes(token.tokenBody), key, token.rsaSha256)) {
    throw new TokenRejected("BAD_SIGNATURE", "the token's signature is not its issuer's");
  }
}

function checkAudience({ audience }: MachineTokenBody, self: string | undefined): void {
  if (audience.length === 0 || (self !== undefined && audience.includes(self))) return;
  throw new TokenRejected("WRONG_AUDIENCE", "the token is meant for other services");
}

function identityOf(body: MachineTokenBody): MachineIdentity {
  const { machineFqdn, issuedBy, caId, certSn, issuedAt, lifetime } = body;
  const identity = `bot:${machineFqdn}`;
  if (!isIdentity(identity))
    throw new TokenRejected("BAD_IDENTITY", "the token's machine name is not a valid identity");
  return Object.freeze({ identity, machineFqdn, issuedBy, caId, certSn, issuedAt, expiresAt: issuedAt + lifetime });
}
