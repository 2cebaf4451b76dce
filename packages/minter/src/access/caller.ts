import { Code } from "@connectrpc/connect";
import type { Delegation } from "@tokens/machine-auth";
import { refuseCall } from "../errors.js";
import { ANONYMOUS } from "./canonical-identity.js";

/** Who makes a call. */
export interface Caller {
  /** Who the call is made as: the rules ask about this identity. */
  readonly identity: string;
  /** Who is on the other end of the connection. Another than `identity` under delegation. */
  readonly peer: string;
  /** The delegation token by which the peer acts for somebody else. */
  readonly delegation?: Delegation;
}

/** Whoever sends no credential. */
export const anonymousCaller: Caller = { identity: ANONYMOUS, peer: ANONYMOUS };

/** What a call brings that may say who makes it. */
export interface IncomingCall {
  readonly headers: Headers;
  /** The certificate that the TLS client proved to own, in DER. */
  readonly clientCertificate: Uint8Array | undefined;
  /** Unix milliseconds. */
  readonly nowMs: number;
}

/** One kind of credential. */
export interface CredentialKind {
  /**
   * The identity that the call's credential of this kind proves; undefined if it has none of this kind. Rejects with a
   * Refusal for a bad one, with Unavailable if nobody can tell now.
   */
  identify(call: IncomingCall): Promise<string | undefined>;
}

/**
 * Who is on the other end of the connection. All credentials that a call has must be good and name the same peer: whom
 * to believe would otherwise depend on an order that its sender may not know.
 */
export async function identifyPeer(call: IncomingCall, kinds: readonly CredentialKind[]): Promise<string> {
  const found = await Promise.all(kinds.map((kind) => kind.identify(call)));
  const [peer = ANONYMOUS, ...others] = new Set(found.filter((identity) => identity !== undefined));
  if (others.length > 0) throw refuseDifferentPeers([peer, ...others]);
  return peer;
}

/** The refusal of credentials that name different peers. */
export function refuseDifferentPeers(peers: readonly string[]): Error {
  const detail = `credentials of ${peers.join(" and ")}`;
  return refuseCall(Code.Unauthenticated, "the call has credentials of different callers", detail);
}
