import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, type HandlerContext } from "@connectrpc/connect";
import {
  type MintServiceAccountTokenRequest,
  type MintServiceAccountTokenResponse,
  MintServiceAccountTokenResponseSchema,
} from "@tokens/api";
import type { Caller } from "../access/caller.js";
import type { Recorder } from "../audit/recorder.js";
import {
  type Credential,
  type CredentialBackend,
  type CredentialRequest,
  CredentialRefused,
} from "../credentials/credential-backend.js";
import { noteRevision, refuseCall } from "../errors.js";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import { callFacts } from "../rpc/call-facts.js";
import { callerKey } from "../rpc/caller.js";
import { type AccountGrant, type AccountPolicy, grantAccount } from "./account-grant.js";
import { type CheckedAccountRequest, checkAccountRequest } from "./service-account-request.js";
import { accountTokenColumns } from "./service-account-token-record.js";

/** What minting tokens of service accounts needs. */
export interface AccountTokenMinter {
  readonly policy: () => AccountPolicy;
  readonly credentials: CredentialBackend;
  readonly serviceVersion: string;
  readonly recorder: Recorder;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** The RPC MintServiceAccountToken: a token of an account, for whoever may use the accounts of its realm. */
export function serviceAccountTokenRpc(
  minter: AccountTokenMinter,
): (request: MintServiceAccountTokenRequest, context: HandlerContext) => Promise<MintServiceAccountTokenResponse> {
  return async (request, context) => {
    const policy = minter.policy();
    return mintAccountToken(request, context, policy, minter).catch((error: unknown) => {
      throw noteRevision(error, policy.revision);
    });
  };
}

async function mintAccountToken(
  request: MintServiceAccountTokenRequest,
  context: HandlerContext,
  policy: AccountPolicy,
  minter: AccountTokenMinter,
): Promise<MintServiceAccountTokenResponse> {
  const requestedMs = minter.clock();
  const checked = checkAccountRequest(request);
  const caller = context.values.get(callerKey);
  const grant = grantAccount(caller.identity, checked, policy);
  // From here on: the caller may have this token.
  const credential = await mintCredential(checked, grant, caller, minter.credentials);
  const facts = callFacts({ values: context.values, headers: context.requestHeader }, minter.serviceVersion);
  const { revision } = policy;
  const columns = accountTokenColumns({ credential, checked, caller, requestedMs, revision }, facts);
  await minter.recorder.record({ kind: "service_account", columns });
  // From here on: the token is on record, and may leave.
  minter.log.info(columns, "service account token minted");
  minter.metrics.count("tokens_minted_total", { kind: "service_account" });
  return create(MintServiceAccountTokenResponseSchema, {
    token: credential.token,
    expiry: timestampFromMs(credential.expiryMs),
    serviceVersion: minter.serviceVersion,
  });
}

/** Whoever came with a delegation token gets nothing that lives longer than it. */
async function mintCredential(
  { wanted, account, minValiditySeconds }: CheckedAccountRequest,
  { delegates }: AccountGrant,
  { identity, delegation }: Caller,
  credentials: CredentialBackend,
): Promise<Credential> {
  const notAfterMs = delegation && delegation.expiresAt * 1000;
  const request: CredentialRequest = { account, delegates, caller: identity, minValiditySeconds, notAfterMs };
  try {
    if (wanted.kind === "id") return await credentials.idToken({ ...request, audience: wanted.audience });
    return await credentials.accessToken({ ...request, scopes: wanted.scopes });
  } catch (error) {
    if (!(error instanceof CredentialRefused)) throw error;
    const isBound = delegation !== undefined && error.code !== "REFUSED";
    const code = isBound ? Code.PermissionDenied : Code.InvalidArgument;
    throw refuseCall(code, `failed to mint token for ${JSON.stringify(account)} - ${error.message}`, undefined, error);
  }
}
