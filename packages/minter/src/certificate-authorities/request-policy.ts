import { create } from "@bufbuild/protobuf";
import {
  type RequestPolicy as RequestPolicyMessage,
  RequestPolicy_State,
  RequestPolicySchema,
} from "@tokens/api/config";
import type { CheckState } from "@tokens/pki";

/** How far requests for machine tokens go beyond LUCI's protocol, by the names of the policy's fields. */
export interface RequestPolicy {
  /** Whether signatures of EC and Ed25519 keys are taken; `report` and `enforce` take them. */
  readonly ec_signature: CheckState;
  /** Whether a request must carry a nonce and is good for one token. */
  readonly nonce: CheckState;
  /** Whether a request must name this server. */
  readonly server_name: CheckState;
}

const STATES = new Map<RequestPolicy_State, CheckState>([
  [RequestPolicy_State.STATE_UNSPECIFIED, "off"],
  [RequestPolicy_State.OFF, "off"],
  [RequestPolicy_State.REPORT, "report"],
  [RequestPolicy_State.ENFORCE, "enforce"],
]);

/** What an entry of the policy says of requests. Without a word every extension is off. */
export function requestPolicyOf(message: RequestPolicyMessage | undefined): RequestPolicy {
  const { ecSignature, nonce, serverName } = message ?? create(RequestPolicySchema);
  return {
    // This one allows something: a state of a later version is no reason to. The others demand something.
    ec_signature: STATES.get(ecSignature) ?? "off",
    nonce: STATES.get(nonce) ?? "enforce",
    server_name: STATES.get(serverName) ?? "enforce",
  };
}
