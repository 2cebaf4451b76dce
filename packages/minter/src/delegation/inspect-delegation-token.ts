import { create } from "@bufbuild/protobuf";
import {
  type InspectDelegationTokenRequest,
  type InspectDelegationTokenResponse,
  InspectDelegationTokenResponseSchema,
} from "@tokens/api/admin";
import { TokenRejected, type TrustSource } from "@tokens/machine-auth";
import {
  decodeSubtoken,
  decodeUnverifiedDelegationToken,
  type DelegationTokenEnvelope,
  delegationTokenSignedBytes,
  type Subtoken,
} from "@tokens/machine-auth/delegation-token";
import { verify } from "node:crypto";

/** What inspecting needs. */
export interface DelegationInspector {
  /** The server's own signing keys. */
  readonly trust: TrustSource;
  readonly serviceAccount: string;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** The RPC InspectDelegationToken: says everything about a token, good or bad. Audience and services are not looked at. */
export function inspectDelegationTokenRpc(
  inspector: DelegationInspector,
): (request: InspectDelegationTokenRequest) => Promise<InspectDelegationTokenResponse> {
  return async ({ token }) => {
    const reasons: string[] = [];
    const envelope = attempt(() => decodeUnverifiedDelegationToken(token), reasons);
    const signed = envelope !== undefined && isSigned(envelope, inspector, reasons);
    const subtoken = envelope && attempt(() => decodeSubtoken(envelope.serializedSubtoken), reasons);
    const nonExpired = subtoken !== undefined && isInTime(subtoken, inspector.clock(), reasons);
    return create(InspectDelegationTokenResponseSchema, {
      valid: signed && nonExpired,
      invalidityReason: reasons.join("; "),
      signed,
      nonExpired,
      ...(envelope && { envelope }),
      ...(subtoken && { subtoken: messageOf(subtoken) }),
    });
  };
}

function attempt<T>(read: () => T, reasons: string[]): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TokenRejected)) throw error;
    reasons.push(error.message);
    return undefined;
  }
}

/** Whose name the signer gives is not compared: only the server's own keys count. */
function isSigned(
  { signingKeyId, serializedSubtoken, pkcs1Sha256Sig }: DelegationTokenEnvelope,
  { trust, serviceAccount }: DelegationInspector,
  reasons: string[],
): boolean {
  const key = trust.current().issuers.get(serviceAccount)?.get(signingKeyId);
  if (!key) reasons.push("the token is signed with a key that this server does not have");
  else if (verify("sha256", delegationTokenSignedBytes(serializedSubtoken), key, pkcs1Sha256Sig)) return true;
  else reasons.push("the signature is bad");
  return false;
}

function isInTime({ creationTime, validityDuration }: Subtoken, nowMs: number, reasons: string[]): boolean {
  const now = nowMs / 1000;
  if (creationTime <= now && now <= creationTime + validityDuration) return true;
  reasons.push(now < creationTime ? "the token is not active yet" : "the token has expired");
  return false;
}

function messageOf(subtoken: Subtoken) {
  return {
    ...subtoken,
    creationTime: BigInt(subtoken.creationTime),
    audience: [...subtoken.audience],
    services: [...subtoken.services],
    tags: [...subtoken.tags],
  };
}
