import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, type HandlerContext } from "@connectrpc/connect";
import {
  type MintProjectTokenRequest,
  type MintProjectTokenResponse,
  MintProjectTokenResponseSchema,
} from "@tokens/api";
import { type Groups, PROJECT_ACTORS } from "../access/groups.js";
import type { Recorder } from "../audit/recorder.js";
import { type Credential, type CredentialBackend, CredentialRefused } from "../credentials/credential-backend.js";
import { explain, noteRevision, refuseCall } from "../errors.js";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import { callFacts } from "../rpc/call-facts.js";
import { callerKey } from "../rpc/caller.js";
import type { ProjectIdentities } from "./project-identities.js";
import { projectTokenColumns } from "./project-token-record.js";
import { type CheckedProjectRequest, checkProjectRequest } from "./project-token-request.js";

/** What decides about tokens of projects: the projects and groups of one policy. */
export interface ProjectTokenPolicy {
  readonly projectIdentities: ProjectIdentities;
  readonly groups: Groups;
  readonly revision: string;
}

/** What minting tokens of projects needs. */
export interface ProjectTokenMinter {
  readonly policy: () => ProjectTokenPolicy;
  readonly credentials: Pick<CredentialBackend, "accessToken">;
  readonly serviceVersion: string;
  readonly recorder: Recorder;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** The RPC MintProjectToken: an access token of a project's service account, for whoever may act for all projects. */
export function projectTokenRpc(
  minter: ProjectTokenMinter,
): (request: MintProjectTokenRequest, context: HandlerContext) => Promise<MintProjectTokenResponse> {
  return async (request, context) => {
    const policy = minter.policy();
    return mintProjectToken(request, context, policy, minter).catch((error: unknown) => {
      throw noteRevision(error, policy.revision);
    });
  };
}

async function mintProjectToken(
  request: MintProjectTokenRequest,
  context: HandlerContext,
  policy: ProjectTokenPolicy,
  minter: ProjectTokenMinter,
): Promise<MintProjectTokenResponse> {
  const requestedMs = minter.clock();
  const checked = checkProjectRequest(request);
  const peer = requireActor(context, policy);
  // From here on: the caller is itself, and may act for projects.
  const account = policy.projectIdentities.get(checked.project);
  if (account === undefined) {
    throw refuseCall(Code.NotFound, `unable to find project identity for project ${JSON.stringify(checked.project)}`);
  }
  const credential = await mintAccessToken(account, peer, checked, minter);
  const facts = callFacts({ values: context.values, headers: context.requestHeader }, minter.serviceVersion);
  const columns = projectTokenColumns({ credential, account, checked, peer, requestedMs }, facts);
  await minter.recorder.record({ kind: "project", columns });
  // From here on: the token is on record, and may leave.
  minter.log.info(columns, "project token minted");
  minter.metrics.count("tokens_minted_total", { kind: "project" });
  return create(MintProjectTokenResponseSchema, {
    serviceAccountEmail: account,
    accessToken: credential.token,
    expiry: timestampFromMs(credential.expiryMs),
    serviceVersion: minter.serviceVersion,
  });
}

/** Under a delegation token nobody gets tokens of projects, not even by one for itself: they would outlive it. */
function requireActor({ values }: HandlerContext, { groups, revision }: ProjectTokenPolicy): string {
  const { identity, peer, delegation } = values.get(callerKey);
  if (identity !== peer || delegation) {
    throw refuseCall(Code.PermissionDenied, "delegation is forbidden for this API call");
  }
  if (groups.has(PROJECT_ACTORS, identity)) return peer;
  const refusal = refuseCall(Code.PermissionDenied, "access denied", `${identity} is not in group ${PROJECT_ACTORS}`);
  const considered = [{ rule: `group ${PROJECT_ACTORS}`, failed: "caller" }];
  throw explain(refusal, { policyRevision: revision, considered });
}

async function mintAccessToken(
  account: string,
  caller: string,
  { scopes, minValiditySeconds }: CheckedProjectRequest,
  { credentials }: ProjectTokenMinter,
): Promise<Credential> {
  const sorted = [...new Set(scopes)].toSorted();
  const request = { account, caller, delegates: [], scopes: sorted, minValiditySeconds, notAfterMs: undefined };
  try {
    return await credentials.accessToken(request);
  } catch (error) {
    if (!(error instanceof CredentialRefused)) throw error;
    const message = `failed to mint token for service account ${account}`;
    throw refuseCall(Code.FailedPrecondition, message, `${message}: ${error.message}`, error);
  }
}
