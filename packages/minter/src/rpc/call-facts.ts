import type { ContextValues } from "@connectrpc/connect";
import type { AuditEntry } from "../audit/audit-log.js";
import type { Refusal } from "../errors.js";
import { callerKey } from "./caller.js";
import { peerAddressKey } from "./peer.js";
import { referenceIdKey } from "./reference-id.js";
import { traceIdOf } from "./trace-id.js";

/** What every audit record says of the call it comes from, in LUCI's columns. */
export interface CallFacts {
  readonly peer_ip: string;
  readonly service_version: string;
  readonly gae_request_id: string;
}

/** Where a call can be looked at: the context of a handler, and the request of an interceptor. */
interface Call {
  readonly values: ContextValues;
  readonly headers: Headers;
}

/** The facts of a call; without an address, as over a Unix socket, the peer is 0.0.0.0. */
export function callFacts({ values, headers }: Call, serviceVersion: string): CallFacts {
  const address = values.get(peerAddressKey).replace(/^::ffff:(?=\d+\.)/i, "");
  return {
    peer_ip: address === "" ? "0.0.0.0" : address,
    service_version: serviceVersion,
    gae_request_id: traceIdOf(headers),
  };
}

/** The record of a refusal of somebody who is known, with what the feature adds. */
export function refusalEntry(
  call: Call & { readonly method: string; readonly reason: string; readonly refusal: Refusal },
  serviceVersion: string,
  more: Readonly<Record<string, unknown>> = {},
): AuditEntry {
  const { values, method, reason, refusal } = call;
  const columns = {
    method,
    reason,
    detail: refusal.detail,
    caller: refusal.peer ?? values.get(callerKey).identity,
    reference_id: values.get(referenceIdKey).text,
    ...more,
    ...callFacts(call, serviceVersion),
  };
  return { kind: "refusal", columns };
}
