import type { MessageInitShape } from "@bufbuild/protobuf";
import { type MintDelegationTokenRequestSchema, type MintDelegationTokenResponse, Subtoken_Kind } from "@tokens/api";
import { MintError } from "./errors.js";

/** Who may act for whom, and where. */
export interface DelegationRequest {
  /** Whom the token acts for: an identity, or `REQUESTOR`, whoever mints. */
  readonly identity: string;
  /** Who may use the token: identities, `group:<name>`, `REQUESTOR`, or `*`. */
  readonly audience: readonly string[];
  /** Where: `service:<id>`, or `*`. */
  readonly services: readonly string[];
  /** `key:value`, both not empty. Their order does not matter. */
  readonly tags?: readonly string[];
  /** Why, for the server's audit log. */
  readonly intent?: string;
  /** How long the token lives, from 30 s up. Default: 3 h. No rule of the server may allow less. */
  readonly validitySeconds?: number;
  /** How much of its life must be left, from 30 s up to all of it. Default: 10 min, or half of a life under 20 min. */
  readonly minTtlSeconds?: number;
}

/** A request that can be sent, all defaults filled in. */
export interface CheckedDelegation {
  /** The same for the same request, whatever the order of its lists. */
  readonly key: string;
  readonly message: MessageInitShape<typeof MintDelegationTokenRequestSchema>;
  readonly validitySeconds: number;
  readonly minTtlSeconds: number;
}

const DEFAULT_VALIDITY_SECONDS = 3 * 3600;
const DEFAULT_MIN_TTL_SECONDS = 600;
const LEAST_TTL_SECONDS = 30;

/** Checks a request before anything is sent. Throws a MintError REFUSED that names what is wrong with it. */
export function checkDelegation(request: DelegationRequest): CheckedDelegation {
  const { identity, intent = "", validitySeconds = DEFAULT_VALIDITY_SECONDS } = request;
  const minTtlSeconds = request.minTtlSeconds ?? Math.min(DEFAULT_MIN_TTL_SECONDS, validitySeconds / 2);
  if (identity === "") throw refuse("'identity' is required");
  const audience = sorted("audience", request.audience);
  const services = sorted("services", request.services);
  const tags = [...(request.tags ?? [])].toSorted();
  const badTag = tags.find((tag) => !/^[^:]+:./su.test(tag));
  if (badTag !== undefined) throw refuse(`tag ${JSON.stringify(badTag)} is not "key:value" with both of them`);
  if (!Number.isSafeInteger(validitySeconds) || validitySeconds < LEAST_TTL_SECONDS)
    throw refuse(`'validitySeconds' must be a whole number from ${LEAST_TTL_SECONDS} up`);
  requireTtl(request.minTtlSeconds, validitySeconds);
  const key = JSON.stringify([identity, audience, services, tags, intent, validitySeconds]);
  const validityDuration = BigInt(validitySeconds);
  const message = { delegatedIdentity: identity, validityDuration, audience, services, intent, tags };
  return { key, message, validitySeconds, minTtlSeconds };
}

function requireTtl(seconds: number | undefined, validitySeconds: number): void {
  if (seconds === undefined || (seconds >= LEAST_TTL_SECONDS && seconds <= validitySeconds)) return;
  throw refuse(`'minTtlSeconds' must be from ${LEAST_TTL_SECONDS} to the token's life, ${validitySeconds}`);
}

function sorted(field: string, entries: readonly string[]): string[] {
  if (entries.length === 0) throw refuse(`'${field}' is required`);
  return [...new Set(entries)].toSorted();
}

function refuse(problem: string): MintError {
  return new MintError("REFUSED", `bad delegation request: ${problem}`);
}

/**
 * The token in an answer. Throws a MintError BAD_RESPONSE for one that is not what was asked for: without a token, of
 * another kind, for somebody else, or with another life.
 */
export function readDelegationResponse(
  { token, delegationSubtoken }: MintDelegationTokenResponse,
  { message, validitySeconds }: CheckedDelegation,
): string {
  if (token === "") throw bad("has no token");
  if (!delegationSubtoken) throw bad("does not say what its token says");
  const { kind, delegatedIdentity, validityDuration } = delegationSubtoken;
  if (kind !== Subtoken_Kind.BEARER_DELEGATION_TOKEN) throw bad("has a token of another kind");
  const expected = message.delegatedIdentity;
  if (expected !== "REQUESTOR" && delegatedIdentity !== expected) throw bad("has a token for somebody else");
  if (validityDuration !== validitySeconds) {
    throw bad(`has a token for ${validityDuration} s, and ${validitySeconds} s were asked for`);
  }
  return token;
}

function bad(what: string): MintError {
  return new MintError("BAD_RESPONSE", `the token server's response ${what}`);
}
