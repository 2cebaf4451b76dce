import { type RequestPolicy as RequestPolicyMessage, RequestPolicy_State } from "@tokens/api/config";
import type { CheckState } from "@tokens/pki";

/** How far requests for machine tokens go beyond LUCI's protocol, by the names of the policy's fields. */
export interface RequestPolicy {
  /** Whether signatures of EC and Ed25519 keys are taken; `report` and `enforce` take them. */
  readonly ec_signature: CheckState;
}

const STATES = new Map<RequestPolicy_State, CheckState>([
  [RequestPolicy_State.STATE_UNSPECIFIED, "off"],
  [RequestPolicy_State.OFF, "off"],
  [RequestPolicy_State.REPORT, "report"],
  [RequestPolicy_State.ENFORCE, "enforce"],
]);

/** What an entry of the policy says of requests. Without a word every extension is off. */
export function requestPolicyOf(message: RequestPolicyMessage | undefined): RequestPolicy {
  return {
    // This one allows something: a state of a later version is no reason to.
    ec_signature: STATES.get(message?.ecSignature ?? RequestPolicy_State.OFF) ?? "off",
  };
}
