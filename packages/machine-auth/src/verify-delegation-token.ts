import {
  BEARER_DELEGATION_TOKEN,
  decodeSubtoken,
  decodeUnverifiedDelegationToken,
  delegationTokenSignedBytes,
  MAX_DELEGATION_TOKEN_BYTES,
  type Subtoken,
} from "./delegation-token.js";
import { TokenRejected } from "./errors.js";
import { type GroupLookup, isMember } from "./groups.js";
import { isIdentity } from "./identity.js";
import type { Verdict } from "./remember-verdicts.js";
import { checkSignature, trustedKeys } from "./token-signature.js";
import type { Trust } from "./trust.js";
import { MAX_LIFETIME_SECONDS } from "./verify-machine-token.js";

/** A token may be this many seconds newer than the verifier's clock says, less one: LUCI's limit excludes itself. */
const FUTURE_DRIFT_SECONDS = 30;

const GROUP_PREFIX = "group:";
const ANYBODY = "*";

/** Every token is decoded here: nothing of an answer lies in it. */
const memory = Buffer.allocUnsafeSlow(MAX_DELEGATION_TOKEN_BYTES);

/** Whom a good delegation token lets its bearer act as. */
export interface Delegation {
  readonly delegatedIdentity: string;
  /** Who asked for the token. */
  readonly requestorIdentity: string;
  /** Names the token in the server's audit records. */
  readonly subtokenId: bigint;
  /** Who may send the token: identities, `group:<name>`, or `*`. */
  readonly audience: readonly string[];
  /** Where the token counts: `service:<id>`, or `*`. */
  readonly services: readonly string[];
  readonly tags: readonly string[];
  /** Unix seconds. */
  readonly issuedAt: number;
  /** Unix seconds. */
  readonly expiresAt: number;
}

/** Who sends a delegation token, and to whom. */
export interface DelegationContext {
  /** Identity of this service, `service:<id>`. Without one no delegation token is taken. */
  readonly service?: string | undefined;
  /** Identity of who is on the other end of the connection. */
  readonly peer: string;
  /** Who is in which group. Without it nobody is in any. */
  readonly groups?: GroupLookup | undefined;
}

/** How a delegation token is verified. */
export interface VerifyDelegationOptions extends DelegationContext {
  /** Unix seconds; LUCI compares whole ones. */
  readonly now: number;
  /** Tokens that live longer are refused, in seconds. Default: 86,400. */
  readonly maxLifetimeSeconds?: number;
}

/**
 * Decides whether a peer may act by a token at this service. The checks are those of LUCI's checker, and revocation.
 * Rejects with TokenRejected, or with TrustUnavailable when a group that decides cannot be looked up.
 */
export async function verifyDelegationToken(
  token: string,
  trust: Trust,
  options: VerifyDelegationOptions,
): Promise<Delegation> {
  const { value } = judgeDelegationToken(token, trust, Math.floor(options.now), options.maxLifetimeSeconds);
  await checkDelegation(value, options);
  return value;
}

/** Decides by what the token says alone, with what a cache needs to know. `now` is in whole Unix seconds. */
export function judgeDelegationToken(
  token: string,
  trust: Trust,
  now: number,
  maxLifetimeSeconds: number = MAX_LIFETIME_SECONDS,
): Verdict<Delegation> {
  const envelope = decodeUnverifiedDelegationToken(token, memory);
  const { signingKeyId: keyId, serializedSubtoken } = envelope;
  const issuer = issuerOf(envelope.signerId);
  const keys = trustedKeys(trust, issuer);
  const signedBytes = delegationTokenSignedBytes(serializedSubtoken);
  const key = checkSignature(keys, keyId, signedBytes, envelope.pkcs1Sha256Sig);
  // From here on: the issuer said what the subtoken says.
  const subtoken = decodeSubtoken(serializedSubtoken);
  checkKindAndTime(subtoken, now, maxLifetimeSeconds);
  const value = delegationOf(subtoken);
  const revokedUntil = trust.revocations.tokenUntil(token);
  if (now < revokedUntil) throw new TokenRejected("REVOKED", "the delegation token was revoked");
  const from = Math.max(value.issuedAt - FUTURE_DRIFT_SECONDS + 1, revokedUntil);
  return { value, issuer, keyId, key, from, to: value.expiresAt };
}

function issuerOf(signerId: string): string {
  if (signerId.startsWith("user:") && isIdentity(signerId)) return signerId.slice("user:".length);
  throw new TokenRejected("UNKNOWN_ISSUER", "the delegation token names no service account as its signer");
}

/** Written so that a time that is not a number is refused. */
function checkKindAndTime(subtoken: Subtoken, now: number, maxLifetimeSeconds: number): void {
  const { kind, creationTime, validityDuration } = subtoken;
  if (kind !== BEARER_DELEGATION_TOKEN)
    throw new TokenRejected("WRONG_KIND", "the token is no bearer delegation token");
  if (!(creationTime > 0 && validityDuration > 0 && validityDuration <= maxLifetimeSeconds)) {
    throw new TokenRejected("MALFORMED", `the token's lifetime is not within 1 to ${maxLifetimeSeconds} seconds`);
  }
  if (!(creationTime < now + FUTURE_DRIFT_SECONDS)) {
    throw new TokenRejected("NOT_YET_VALID", "the delegation token is not valid yet");
  }
  if (!(creationTime + validityDuration >= now)) {
    throw new TokenRejected("EXPIRED", "the delegation token has expired");
  }
}

function delegationOf(subtoken: Subtoken): Delegation {
  const { delegatedIdentity, requestorIdentity, subtokenId, audience, services, tags } = subtoken;
  if (!isIdentity(delegatedIdentity)) {
    throw new TokenRejected("BAD_IDENTITY", "the delegation token delegates something that is not an identity");
  }
  for (const list of [audience, services, tags]) Object.freeze(list);
  const issuedAt = subtoken.creationTime;
  const expiresAt = issuedAt + subtoken.validityDuration;
  return Object.freeze({
    delegatedIdentity,
    requestorIdentity,
    subtokenId,
    audience,
    services,
    tags,
    issuedAt,
    expiresAt,
  });
}

/**
 * Decides whether a delegation counts here, and for this peer: other for each request. Rejects with a TypeError for a peer
 * that is no identity, which could pass for a group.
 */
export async function checkDelegation(delegation: Delegation, context: DelegationContext): Promise<void> {
  if (!isIdentity(context.peer)) throw new TypeError(`the peer ${JSON.stringify(context.peer)} is not an identity`);
  checkService(delegation, context);
  await checkAudience(delegation, context);
}

function checkService({ services }: Delegation, { service }: DelegationContext): void {
  if (service !== undefined && (services.includes(ANYBODY) || services.includes(service))) return;
  const reason = service === undefined ? "this service takes no delegation tokens" : "the token is for other services";
  throw new TokenRejected("WRONG_SERVICE", reason);
}

/** Groups are asked for only when nothing simpler decides. */
async function checkAudience({ audience }: Delegation, { peer, groups }: DelegationContext): Promise<void> {
  if (audience.includes(ANYBODY) || audience.includes(peer)) return;
  const names = audience.filter((each) => each.startsWith(GROUP_PREFIX)).map((each) => each.slice(GROUP_PREFIX.length));
  for (const name of names) if (await isMember(groups, peer, name)) return;
  throw new TokenRejected("WRONG_AUDIENCE", "the delegation token is for other peers");
}
