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

/** Reads a request of somebody who may ask, in the order of LUCI's checks. Throws a Refusal INVALID_ARGUMENT. */
export function checkDelegationRequest(
  request: MintDelegationTokenRequest,
  requestor: string,
): CheckedDelegationRequest {
  const { validityDuration, tags, intent } = request;
  if (validityDuration < 0n) throw refuse(`invalid 'validity_duration' (${validityDuration})`);
  const tagProblem = tagsProblem(tags);
  if (tagProblem !== undefined) throw refuse(`invalid 'tags': ${tagProblem}`);
  const delegator = readDelegator(request.delegatedIdentity, requestor);
  const audience = readSet(
    "audience",
    request.audience.map((entry) => (entry === REQUESTOR ? requestor : entry)),
  );
  const services = readServices(request.services);
  const validitySeconds = validityDuration === 0n ? DEFAULT_VALIDITY_SECONDS : validityDuration;
  return { query: { requestor, delegator, audience, services }, validitySeconds, tags, intent };
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
function readServices(entries: readonly string[]): IdentitySet {
  const urls = entries.filter((entry) => entry.startsWith("https://"));
  const named = entries.filter((entry) => !entry.startsWith("https://"));
  const services = entries.length > 0 && named.length === 0 ? identitySet([]) : readSet("services", named);
  if (services === "*") return services;
  if (services.groups.size > 0) throw refuse("bad 'services' - can't specify groups");
  const other = [...services.identities].find((identity) => !identity.startsWith("service:"));
  if (other !== undefined) throw refuse(`bad 'services' - ${JSON.stringify(other)} is not a service ID`);
  const [url] = urls;
  if (url !== undefined)
    throw refuse(`could not resolve ${JSON.stringify(url)} to service ID; name it as service:<id>`);
  return services;
}

const notAnIdentity = (text: string) => `${JSON.stringify(text)} is not an identity`;

function refuse(message: string): Error {
  return refuseCall(Code.InvalidArgument, `bad request - ${message}`);
}
