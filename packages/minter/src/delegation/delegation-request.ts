import { Code } from "@connectrpc/connect";
import type { MintDelegationTokenRequest } from "@tokens/api";
import { isIdentity } from "@tokens/machine-auth";
import { groupOfEntry, identitySet, type IdentitySet } from "../access/identity-set.js";
import { refuseCall } from "../errors.js";
import { tagsProblem } from "../tags.js";
import { type DelegationQuery, REQUESTOR } from "./delegation-rules.js";

const DEFAULT_VALIDITY_SECONDS = 3600n;

/** Most entries in each list. */
const MAX_ENTRIES = 64;

/** A request whose every part can be read. */
export interface CheckedDelegationRequest {
  readonly query: DelegationQuery;
  readonly validitySeconds: bigint;
  readonly tags: readonly string[];
  readonly intent: string;
}

/** Finds the identities of services by their `https://<host>`. Rejects with a Refusal, or with Unavailable. */
export type ResolveServices = (urls: readonly string[]) => Promise<readonly string[]>;

/**
 * Reads a request of somebody who may ask, in the order of LUCI's checks. Rejects with a Refusal INVALID_ARGUMENT, and
 * with what `resolve` rejects with.
 */
export async function checkDelegationRequest(
  request: MintDelegationTokenRequest,
  requestor: string,
  resolve: ResolveServices,
): Promise<CheckedDelegationRequest> {
  const { checked, urls } = readRequest(request, requestor);
  const { services } = checked.query;
  if (urls.length === 0 || services === "*") return checked;
  const all = identitySet([...services.identities, ...(await resolve(urls))]);
  return { ...checked, query: { ...checked.query, services: all } };
}

/** Reads a request without asking any service who it is. Throws a Refusal, for services that are named by URLs too. */
export function checkNamedDelegationRequest(
  request: MintDelegationTokenRequest,
  requestor: string,
): CheckedDelegationRequest {
  const { checked, urls } = readRequest(request, requestor);
  const [url] = urls;
  if (url === undefined || checked.query.services === "*") return checked;
  throw refuse(`could not resolve ${JSON.stringify(url)} to service ID; name it as service:<id>`);
}

/** The URLs are those of services that are not yet in the set. */
function readRequest(
  request: MintDelegationTokenRequest,
  requestor: string,
): { checked: CheckedDelegationRequest; urls: readonly string[] } {
  const { validityDuration, tags, intent } = request;
  if (validityDuration < 0n) throw refuse(`invalid 'validity_duration' (${validityDuration})`);
  const tagProblem = tagsProblem(tags);
  if (tagProblem !== undefined) throw refuse(`invalid 'tags': ${tagProblem}`);
  const delegator = readDelegator(request.delegatedIdentity, requestor);
  const audience = readSet(
    "audience",
    request.audience.map((entry) => (entry === REQUESTOR ? requestor : entry)),
  );
  const urls = request.services.filter((entry) => entry.startsWith("https://"));
  const services = readServices(request.services, urls);
  const validitySeconds = validityDuration === 0n ? DEFAULT_VALIDITY_SECONDS : validityDuration;
  return { checked: { query: { requestor, delegator, audience, services }, validitySeconds, tags, intent }, urls };
}

function readDelegator(identity: string, requestor: string): string {
  if (identity === "") throw refuse("'delegated_identity' is required");
  if (identity === REQUESTOR) return requestor;
  if (!isIdentity(identity)) throw refuse(`bad 'delegated_identity' - ${notAnIdentity(identity)}`);
  return identity;
}

function readSet(field: string, entries: readonly string[]): IdentitySet {
  if (entries.length === 0) throw refuse(`'${field}' is required`);
  if (entries.length > MAX_ENTRIES) throw refuse(`bad '${field}' - more than ${MAX_ENTRIES} entries`);
  for (const entry of entries) {
    if (entry === "*") continue;
    const group = groupOfEntry(entry);
    if (group === "") throw refuse(`bad '${field}' - bad group entry "group:"`);
    if (group === undefined && !isIdentity(entry)) throw refuse(`bad '${field}' - ${notAnIdentity(entry)}`);
  }
  return identitySet(entries);
}

/** `*` swallows all other entries, URLs among them, before they are looked at. */
function readServices(entries: readonly string[], urls: readonly string[]): IdentitySet {
  if (entries.length > MAX_ENTRIES) throw refuse(`bad 'services' - more than ${MAX_ENTRIES} entries`);
  const named = entries.filter((entry) => !urls.includes(entry));
  const services = urls.length > 0 && named.length === 0 ? identitySet([]) : readSet("services", named);
  if (services === "*") return services;
  if (services.groups.size > 0) throw refuse("bad 'services' - can't specify groups");
  const other = [...services.identities].find((identity) => !identity.startsWith("service:"));
  if (other !== undefined) throw refuse(`bad 'services' - ${JSON.stringify(other)} is not a service ID`);
  return services;
}

const notAnIdentity = (text: string) => `${JSON.stringify(text)} is not an identity`;

function refuse(message: string): Error {
  return refuseCall(Code.InvalidArgument, `bad request - ${message}`);
}
