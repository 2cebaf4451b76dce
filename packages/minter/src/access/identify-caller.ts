import { Code } from "@connectrpc/connect";
import {
  type Authentication,
  type Authenticator,
  authenticator,
  PermissionDenied,
  type TokenRejected,
  type TrustSource,
} from "@tokens/machine-auth";
import { DELEGATION_TOKEN_HEADER } from "@tokens/machine-auth/delegation-token";
import { MACHINE_TOKEN_HEADER } from "@tokens/machine-auth/machine-token";
import { type ConsideredRule, explain, Refusal, refuseCall, Unavailable } from "../errors.js";
import { type Caller, type CredentialKind, identifyPeer, type IncomingCall, refuseDifferentPeers } from "./caller.js";
import { ANONYMOUS } from "./canonical-identity.js";
import type { Groups } from "./groups.js";

/** The header with which a LUCI service says that it acts for a project. */
export const PROJECT_HEADER = "X-Luci-Project";

/** Whose members may act for projects. */
const PROJECT_SPEAKERS = "auth-luci-services";

/** The part of a policy that says who may act for whom. */
export interface CallerPolicy {
  readonly groups: Groups;
  readonly revision: string;
}

/** What callers are identified by. */
export interface CallerProofs {
  /** Credentials besides tokens of this server. */
  readonly kinds: readonly CredentialKind[];
  /** Whose machine tokens and delegation tokens are believed: those that this server made. */
  readonly trust: TrustSource;
  /** `service:<id>` of this server, in tokens. */
  readonly service: string;
  readonly policy: () => CallerPolicy;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** Finds out who makes a call. Rejects with a Refusal or Unavailable. */
export type IdentifyCaller = (call: IncomingCall) => Promise<Caller>;

/** Makes what identifies callers: first the peer, by any credentials that agree, then whom the peer acts for. */
export function callerIdentifier({ kinds, trust, service, policy, clock }: CallerProofs): IdentifyCaller {
  const authenticate = authenticator({
    trust,
    service,
    audience: service,
    groups: (identity, group) => policy().groups.has(group, identity),
    clock,
  });
  return async (call) => {
    const known = await identifyPeer(call, kinds);
    try {
      return await identifyCaller(call, known, authenticate);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      await notePeer(error, call, known, authenticate);
      throw explain(error, { policyRevision: policy().revision, considered: consideredBy(error) });
    }
  };
}

/** The one rule that is asked about who calls: who may act for projects. */
function consideredBy({ cause }: Refusal): readonly ConsideredRule[] {
  return cause instanceof PermissionDenied ? [{ rule: `group ${PROJECT_SPEAKERS}`, failed: "peer" }] : [];
}

/** Says in a refusal who the peer had proved to be, if it had: then it is one of somebody who is known. */
async function notePeer(refusal: Refusal, call: IncomingCall, known: string, authenticate: Authenticator) {
  const machine =
    known === ANONYMOUS ? await authenticate({ machineTokens: valuesOf(call, MACHINE_TOKEN_HEADER) }) : undefined;
  const peer = machine?.status === "confirmed" ? machine.peer : known;
  if (peer !== ANONYMOUS) refusal.peer = peer;
}

async function identifyCaller(call: IncomingCall, known: string, authenticate: Authenticator): Promise<Caller> {
  const authentication = await authenticate({
    machineTokens: valuesOf(call, MACHINE_TOKEN_HEADER),
    delegationTokens: valuesOf(call, DELEGATION_TOKEN_HEADER),
    projects: valuesOf(call, PROJECT_HEADER),
    ...(known !== ANONYMOUS && { peer: known }),
  });
  return callerOf(authentication, known);
}

const valuesOf = ({ headers }: IncomingCall, name: string) => [headers.get(name) ?? []].flat();

function callerOf(authentication: Authentication, known: string): Caller {
  if (authentication.status === "absent") return { identity: known, peer: known };
  if (authentication.status === "unavailable") {
    const { error } = authentication;
    throw new Unavailable("cannot check tokens now", `${error.code}: ${error.message}`, error);
  }
  if (authentication.status === "invalid") throw refusalOf(authentication.error);
  const { identity, peer, delegation } = authentication;
  if (known !== ANONYMOUS && peer !== known) throw refuseDifferentPeers([known, peer]);
  return { identity, peer, ...(delegation && { delegation }) };
}

/** What is wrong is said to the log; the caller learns which of its tokens it is at most. */
function refusalOf(error: TokenRejected | PermissionDenied): Error {
  const detail = `${error.code}: ${error.message}`;
  if (error instanceof PermissionDenied) return refuseCall(Code.PermissionDenied, error.message, detail, error);
  return refuseCall(Code.Unauthenticated, "invalid token of this server", detail, error);
}
