import { Code } from "@connectrpc/connect";
import type { MintProjectTokenRequest } from "@tokens/api";
import { refuseCall } from "../errors.js";
import { tagsProblem } from "../tags.js";

const DEFAULT_VALIDITY_SECONDS = 300;
const MAX_VALIDITY_SECONDS = 1800n;

/** A request whose every part can be read. */
export interface CheckedProjectRequest {
  readonly project: string;
  /** As they were given. */
  readonly scopes: readonly string[];
  readonly minValiditySeconds: number;
  readonly tags: readonly string[];
}

/** Reads a request in the order of LUCI's checks. Throws a Refusal INVALID_ARGUMENT. */
export function checkProjectRequest(request: MintProjectTokenRequest): CheckedProjectRequest {
  const { oauthScope: scopes, minValidityDuration: seconds, auditTags: tags, luciProject: project } = request;
  if (scopes.length === 0) throw refuse("oauth_scope is required");
  if (seconds < 0n) throw refuse("min_validity_duration must be positive");
  if (seconds > MAX_VALIDITY_SECONDS) throw refuse(`min_validity_duration must not exceed ${MAX_VALIDITY_SECONDS}`);
  const tagProblem = tagsProblem(tags);
  if (tagProblem !== undefined) throw refuse(`bad audit_tags - ${tagProblem}`);
  if (project === "") throw refuse("luci_project is empty");
  return { project, scopes, tags, minValiditySeconds: seconds === 0n ? DEFAULT_VALIDITY_SECONDS : Number(seconds) };
}

function refuse(message: string): Error {
  return refuseCall(Code.InvalidArgument, `invalid request: ${message}`);
}
