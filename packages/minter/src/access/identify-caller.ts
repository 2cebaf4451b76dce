import { Code } from "@connectrpc/connect";
import { refuseCall } from "../errors.js";
import { type Caller, type CredentialKind, identifyPeer, type IncomingCall } from "./caller.js";
import type { Groups } from "./groups.js";
import { actForProject, PROJECT_HEADER } from "./project-header.js";

/** The header of a delegation token: its sender acts for somebody else. */
export const DELEGATION_HEADER = "X-Delegation-Token-V1";

/** What callers are identified by. */
export interface CallerProofs {
  readonly kinds: readonly CredentialKind[];
  readonly groups: () => Groups;
}

/** Finds out who makes a call: first its peer, then whom this one acts for. Rejects with a Refusal or Unavailable. */
export async function identifyCaller(call: IncomingCall, { kinds, groups }: CallerProofs): Promise<Caller> {
  const peer = await identifyPeer(call, kinds);
  // From here on: the peer is who it says.
  if (call.headers.has(DELEGATION_HEADER)) {
    throw refuseCall(Code.Unauthenticated, "this server does not accept delegation tokens");
  }
  const project = call.headers.get(PROJECT_HEADER);
  return project === null ? { identity: peer, peer } : actForProject(peer, project, groups());
}
