import { Code, type ContextValues, type Interceptor } from "@connectrpc/connect";
import { ADMINISTRATORS, type Groups } from "../access/groups.js";
import type { Recorder } from "../audit/recorder.js";
import { explain, refuseCall } from "../errors.js";
import { callFacts } from "./call-facts.js";
import { callerKey } from "./caller.js";
import { listenerKey } from "./listener.js";

/** All services of operators are in this package, so that one rule covers them. */
const ADMIN_PACKAGE = "tokenserver.admin.";

/** What an operator is called who came in on the admin listener. */
const LOCAL = "local";

type Next = Parameters<Interceptor>[0];

/** Who is an administrator. */
export interface AdminPolicy {
  readonly groups: Groups;
  readonly revision: string;
}

/** What an operator is called in records: by identity, or `local` on the admin listener. */
export function operatorOf(values: ContextValues): string {
  return values.get(listenerKey) === "admin" ? LOCAL : values.get(callerKey).identity;
}

/**
 * Lets administrators alone call the operators' services: members of the group `administrators`, and whoever reaches the
 * admin listener, who is called `local`. Each such call is recorded before it is served.
 */
export function requireAdmin(policy: () => AdminPolicy, recorder: Recorder, serviceVersion: string): Interceptor {
  const serveAdministrator = async (next: Next, request: Parameters<Next>[0]) => {
    const { contextValues, header, method } = request;
    const isLocal = contextValues.get(listenerKey) === "admin";
    const caller = operatorOf(contextValues);
    if (!isLocal && !policy().groups.has(ADMINISTRATORS, caller)) {
      const refusal = refuseCall(Code.PermissionDenied, "not an admin", `${caller} is not in group ${ADMINISTRATORS}`);
      const considered = [{ rule: `group ${ADMINISTRATORS}`, failed: "caller" }];
      throw explain(refusal, { policyRevision: policy().revision, considered });
    }
    const facts = callFacts({ values: contextValues, headers: header }, serviceVersion);
    await recorder.record({ kind: "operation", columns: { method: method.name, caller, ...facts } });
    return next(request);
  };
  const isForAll = ({ service }: Parameters<Next>[0]) => !service.typeName.startsWith(ADMIN_PACKAGE);
  return (next) => (request) => (isForAll(request) ? next(request) : serveAdministrator(next, request));
}
