import { ErrorCode, type MachineTokenRequest } from "@tokens/api";
import type { CheckState } from "@tokens/pki";
import type { TrustedCa } from "../certificate-authorities/ca-policy.js";
import type { RequestPolicy } from "../certificate-authorities/request-policy.js";
import { refuseToken, type Refusal } from "../errors.js";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import { MAX_CLOCK_DIFFERENCE_SECONDS } from "./machine-token-request.js";
import { isEcAlgorithm, unsupportedSignature } from "./request-signature.js";
import { seenId, type SeenRequests } from "./seen-requests.js";

/** What holding requests to their CA's policy needs. */
export interface RequestChecks {
  /** The names of this server. */
  readonly serverNames: () => ReadonlySet<string>;
  readonly seen: Pick<SeenRequests, "remember">;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Sizes of a nonce in bytes: enough for chance never to make the same one twice, and no place to store things in. */
const MIN_NONCE_BYTES = 16;
const MAX_NONCE_BYTES = 64;

/** How much longer than it can be used a request is remembered, in seconds: for servers whose clocks differ. */
const CLOCK_LEEWAY_SECONDS = 120;

/**
 * Holds a proven request to what the policy of its CA says of requests beyond LUCI's protocol, but for whether it was used
 * before. What is only reported is counted and logged. Throws a Refusal.
 */
export function checkRequest(request: MachineTokenRequest, ca: TrustedCa, checks: RequestChecks): void {
  checkEcSignature(request, ca, checks);
  checkHasAudience(request, ca, checks);
  const { nonce, server_name } = ca.requests;
  if (server_name !== "off" && !checks.serverNames().has(request.serverName)) {
    const said = request.serverName === "" ? "no server" : "another server";
    const refusal = refuseToken(ErrorCode.WRONG_SERVER_NAME, `the request names ${said}`);
    decide(server_name, "server_name", refusal, ca, checks);
  }
  if (nonce !== "off" && !isNonce(request.nonce)) {
    const refusal = refuseToken(ErrorCode.BAD_NONCE, "the request has no nonce of 16 to 64 bytes");
    decide(nonce, "nonce", refusal, ca, checks);
  }
}

/** Which services a request may name is decided with the grant, whatever the state. */
function checkHasAudience({ audience }: MachineTokenRequest, ca: TrustedCa, checks: RequestChecks): void {
  const state = ca.requests.audience;
  if (state === "off" || audience.length > 0) return;
  const refusal = refuseToken(ErrorCode.BAD_AUDIENCE, "the request does not say which services its token is meant for");
  decide(state, "audience", refusal, ca, checks);
}

/**
 * Remembers that a request is used, where the policy of its CA says that none may be used twice. Rejects with a Refusal if
 * it was used before, with Unavailable when nobody can tell.
 */
export async function requireUnused(request: MachineTokenRequest, ca: TrustedCa, checks: RequestChecks): Promise<void> {
  const { nonce: state } = ca.requests;
  if (state === "off" || !isNonce(request.nonce)) return;
  const issuedAt = Number(request.issuedAt?.seconds ?? 0n);
  const untilSeconds = issuedAt + MAX_CLOCK_DIFFERENCE_SECONDS + CLOCK_LEEWAY_SECONDS;
  const remembering = checks.seen.remember({ id: seenId(request.certificate, request.nonce), untilSeconds });
  const judge = (isNew: boolean) => {
    if (isNew) return;
    decide(state, "nonce", refuseToken(ErrorCode.REPLAYED_REQUEST, "the request was used before"), ca, checks);
  };
  if (state === "enforce") return judge(await remembering);
  // What is only reported must neither fail nor be waited for.
  const giveUp = (error: unknown) =>
    checks.log.warn({ err: error }, "cannot tell whether a request was used before, which is only reported");
  void remembering.then(judge).catch(giveUp);
}

/** This one allows something: `report` and `enforce` both take the signature. */
function checkEcSignature({ signatureAlgorithm }: MachineTokenRequest, ca: TrustedCa, checks: RequestChecks): void {
  const state = ca.requests.ec_signature;
  if (!isEcAlgorithm(signatureAlgorithm) || state === "enforce") return;
  const refusal = unsupportedSignature(signatureAlgorithm, "the CA's request_policy does not take ec_signature");
  decide(state === "off" ? "enforce" : "report", "ec_signature", refusal, ca, checks);
}

const isNonce = ({ length }: Uint8Array) => length >= MIN_NONCE_BYTES && length <= MAX_NONCE_BYTES;

function decide(
  state: CheckState,
  check: keyof RequestPolicy,
  refusal: Refusal,
  ca: TrustedCa,
  { log, metrics }: RequestChecks,
): void {
  if (state === "enforce") throw refusal;
  metrics.count("tokens_request_reports_total", { ca: ca.commonName, check });
  log.warn({ ca: ca.commonName, check, failure: refusal.message }, "request fails a check that is only reported");
}
