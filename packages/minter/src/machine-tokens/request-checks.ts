import type { MachineTokenRequest } from "@tokens/api";
import type { TrustedCa } from "../certificate-authorities/ca-policy.js";
import type { RequestPolicy } from "../certificate-authorities/request-policy.js";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import { isEcAlgorithm, unsupportedSignature } from "./request-signature.js";

/** Where failures of checks that are only reported go. */
export interface RequestReports {
  readonly log: Logger;
  readonly metrics: Metrics;
}

/**
 * Holds a proven request to what the policy of its CA says of requests beyond LUCI's protocol. What is only reported is
 * counted and logged here. Throws a Refusal.
 */
export function checkRequest(request: MachineTokenRequest, ca: TrustedCa, reports: RequestReports): void {
  const { signatureAlgorithm } = request;
  if (!isEcAlgorithm(signatureAlgorithm)) return;
  const state = ca.requests.ec_signature;
  const refusal = unsupportedSignature(signatureAlgorithm, "the CA's request_policy does not take ec_signature");
  if (state === "off") throw refusal;
  if (state === "report") report("ec_signature", refusal, ca, reports);
}

function report(check: keyof RequestPolicy, failure: Error, ca: TrustedCa, { log, metrics }: RequestReports): void {
  metrics.count("tokens_request_reports_total", { ca: ca.commonName, check });
  log.warn({ ca: ca.commonName, check, failure: failure.message }, "request fails a check that is only reported");
}
