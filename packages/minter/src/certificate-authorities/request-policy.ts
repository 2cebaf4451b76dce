import { create } from "@bufbuild/protobuf";
import {
  type RequestPolicy as RequestPolicyMessage,
  RequestPolicy_State,
  RequestPolicySchema,
} from "@tokens/api/config";
import { isIdentity } from "@tokens/machine-auth";
import type { CheckState } from "@tokens/pki";
import type { PolicyFindings, PolicyPath } from "../policies/policy-findings.js";

/** How far requests for machine tokens go beyond LUCI's protocol, by the names of the policy's fields. */
export interface RequestPolicy {
  /** Whether signatures of EC and Ed25519 keys are taken; `report` and `enforce` take them. */
  readonly ec_signature: CheckState;
  /** Whether a request must carry a nonce and is good for one token. */
  readonly nonce: CheckState;
  /** Whether a request must name this server. */
  readonly server_name: CheckState;
  /** Whether a request must say which services its token is meant for. */
  readonly audience: CheckState;
  /** The services that it may name; "*" stands for any. */
  readonly allowed_audience: ReadonlySet<string>;
}

const STATES = new Map<RequestPolicy_State, CheckState>([
  [RequestPolicy_State.STATE_UNSPECIFIED, "off"],
  [RequestPolicy_State.OFF, "off"],
  [RequestPolicy_State.REPORT, "report"],
  [RequestPolicy_State.ENFORCE, "enforce"],
]);

/** Whether a text can be in the audience of a machine token. */
export function isService(text: string): boolean {
  return text.startsWith("service:") && isIdentity(text);
}

/** What an entry of the policy says of requests. Without a word every extension is off. */
export function requestPolicyOf(message: RequestPolicyMessage | undefined): RequestPolicy {
  const { ecSignature, nonce, serverName, audience, allowedAudience } = message ?? create(RequestPolicySchema);
  return {
    // This one allows something: a state of a later version is no reason to. The others demand something.
    ec_signature: STATES.get(ecSignature) ?? "off",
    nonce: STATES.get(nonce) ?? "enforce",
    server_name: STATES.get(serverName) ?? "enforce",
    audience: STATES.get(audience) ?? "enforce",
    allowed_audience: new Set(allowedAudience),
  };
}

/** Reports what can never be asked for. */
export function checkRequestPolicy(
  message: RequestPolicyMessage | undefined,
  path: PolicyPath,
  findings: PolicyFindings,
): void {
  for (const [index, service] of (message?.allowedAudience ?? []).entries()) {
    if (service === "*" || isService(service)) continue;
    const place = [...path, "request_policy", "allowed_audience", index];
    findings.error(place, `${JSON.stringify(service)} is neither a service like "service:files" nor "*"`);
  }
}
