import { delegationTokenVerifier } from "./delegation-token-verifier.js";
import { PermissionDenied, TokenRejected, TrustUnavailable } from "./errors.js";
import { type GroupLookup, isMember } from "./groups.js";
import { isIdentity } from "./identity.js";
import { machineTokenVerifier, type VerifierOptions } from "./machine-token-verifier.js";
import type { Trust } from "./trust.js";
import type { TrustSource } from "./trust-source.js";
import type { Delegation } from "./verify-delegation-token.js";
import type { MachineIdentity } from "./verify-machine-token.js";

/** Members of this group may speak for projects. */
const PROJECT_SPEAKERS = "auth-luci-services";

const ANONYMOUS = "anonymous:anonymous";

/** What a request says about its sender: every value of each header, and who the connection is known to come from. */
export interface Credentials {
  readonly machineTokens?: readonly string[];
  readonly delegationTokens?: readonly string[];
  readonly projects?: readonly string[];
  /** Identity of a peer that is known by other means than a machine token. A machine token goes first. */
  readonly peer?: string | undefined;
}

/** A request whose sender is known. */
export interface ConfirmedCaller {
  readonly status: "confirmed";
  /** Whom the request speaks for: the peer, or whom a delegation token or a project header names. */
  readonly identity: string;
  /** Who is on the other end of the connection: `bot:<fqdn>` for a machine. */
  readonly peer: string;
  /** What the machine token said; absent if the peer sent none. */
  readonly machine?: MachineIdentity | undefined;
  /** What the delegation token said; absent if there was none. */
  readonly delegation?: Delegation | undefined;
}

/** What is known of a request's sender. Anything but "confirmed" must not be let in. */
export type Authentication =
  | ConfirmedCaller
  | { readonly status: "invalid"; readonly error: TokenRejected | PermissionDenied }
  | { readonly status: "absent" }
  | { readonly status: "unavailable"; readonly error: TrustUnavailable };

/** How requests are authenticated. */
export interface AuthenticatorOptions extends VerifierOptions {
  readonly trust: TrustSource;
  /** Identity of this service, `service:<id>`, in delegation tokens. Without it none is taken. */
  readonly service?: string;
  /** Who is in which group, for delegation tokens and project headers. Without it nobody is in any. */
  readonly groups?: GroupLookup;
  /** Unix milliseconds. Default: the system's clock. */
  readonly clock?: () => number;
  /** Told of every verdict, after it is made: for metrics and logs. */
  readonly onVerdict?: (authentication: Authentication) => void;
}

/** Authenticates one request. Never rejects for bad tokens or missing trust. */
export type Authenticator = (credentials: Credentials) => Promise<Authentication>;

/** Makes what authenticates requests; it remembers good tokens. Throws a TypeError for a service that is none. */
export function authenticator(options: AuthenticatorOptions): Authenticator {
  const { service, onVerdict } = options;
  if (service !== undefined && !(service.startsWith("service:") && isIdentity(service))) {
    throw new TypeError(`the service ${JSON.stringify(service)} must be an identity like service:files`);
  }
  const authenticate = callerOf(options);
  return async (credentials) => {
    const authentication = await authenticate(credentials).catch(failure);
    if (onVerdict) queueMicrotask(() => onVerdict(authentication));
    return authentication;
  };
}

function failure(error: unknown): Authentication {
  if (error instanceof TokenRejected || error instanceof PermissionDenied) return { status: "invalid", error };
  if (error instanceof TrustUnavailable) return { status: "unavailable", error };
  throw error;
}

/** The order is LUCI's: first who the peer is, then whom it speaks for. A delegation token goes before a project. */
function callerOf({ trust, service, groups, clock = Date.now, ...options }: AuthenticatorOptions): Authenticator {
  const verifyMachineToken = machineTokenVerifier(options);
  const verifyDelegationToken = delegationTokenVerifier(options);
  const seconds = () => clock() / 1000;

  return async (credentials) => {
    const machineToken = single(credentials.machineTokens, "machine token");
    const delegationToken = single(credentials.delegationTokens, "delegation token");
    const project = single(credentials.projects, "project");
    if (credentials.peer === undefined && (machineToken ?? delegationToken ?? project) === undefined) {
      return { status: "absent" };
    }
    const machine =
      machineToken === undefined
        ? undefined
        : await withTrust(trust, (snapshot) => verifyMachineToken(machineToken, snapshot, seconds()));
    const peer = machine?.identity ?? credentials.peer ?? ANONYMOUS;
    if (!isIdentity(peer)) throw new TypeError(`the peer ${JSON.stringify(peer)} is not an identity`);
    // From here on: the peer is known, or known to be anonymous.
    if (delegationToken === undefined) {
      const identity = project === undefined ? peer : await projectIdentity(project, peer, groups);
      return { status: "confirmed", identity, peer, machine };
    }
    const context = { service, peer, groups };
    const delegation = await withTrust(trust, (snapshot) =>
      verifyDelegationToken(delegationToken, snapshot, seconds(), context),
    );
    return { status: "confirmed", identity: delegation.delegatedIdentity, peer, machine, delegation };
  };
}

/** The one value of a header; an empty one is as good as none. */
function single(values: readonly string[] = [], what: string): string | undefined {
  if (values.length > 1) throw new TokenRejected("DUPLICATE_HEADER", `the request has more than one ${what}`);
  return values[0] === "" ? undefined : values[0];
}

/** A key id that nobody knows may be a new one: the trust is fetched again, once, and the token gets a second chance. */
async function withTrust<T>(source: TrustSource, verify: (trust: Trust) => T | Promise<T>): Promise<T> {
  const trust = await source.ready();
  try {
    return await verify(trust);
  } catch (error) {
    if (!(error instanceof TokenRejected) || error.code !== "UNKNOWN_KEY") throw error;
    const refreshed = await source.refresh();
    if (refreshed === trust) throw error;
    return verify(refreshed);
  }
}

async function projectIdentity(project: string, peer: string, groups: GroupLookup | undefined): Promise<string> {
  if (!(await isMember(groups, peer, PROJECT_SPEAKERS))) {
    throw new PermissionDenied(`${peer} is not in ${PROJECT_SPEAKERS} and may not speak for projects`);
  }
  const identity = `project:${project}`;
  if (!isIdentity(identity)) throw new TokenRejected("BAD_IDENTITY", "the project header does not name a project");
  return identity;
}
