import { Code, type Interceptor } from "@connectrpc/connect";
import { ADMINISTRATORS, type Groups } from "../access/groups.js";
import { refuseCall } from "../errors.js";
import type { Logger } from "../log.js";
import { callerKey } from "./caller.js";
import { listenerKey } from "./listener.js";
import { peerAddressKey } from "./peer.js";

/** All services of operators are in this package, so that one rule covers them. */
const ADMIN_PACKAGE = "tokenserver.admin.";

/** What an operator is called who came in on the admin listener. */
const LOCAL = "local";

/**
 * Lets administrators alone call the operators' services: members of the group `administrators`, and whoever reaches the
 * admin listener, who is called `local`. Each such call is logged.
 */
export function requireAdmin(groups: () => Groups, log: Logger): Interceptor {
  return (next) => async (request) => {
    if (!request.service.typeName.startsWith(ADMIN_PACKAGE)) return next(request);
    const { contextValues, method } = request;
    const isLocal = contextValues.get(listenerKey) === "admin";
    const caller = isLocal ? LOCAL : contextValues.get(callerKey).identity;
    if (!isLocal && !groups().has(ADMINISTRATORS, caller)) {
      throw refuseCall(Code.PermissionDenied, "not an admin", `${caller} is not in group ${ADMINISTRATORS}`);
    }
    log.warn({ caller, method: method.name, peer: contextValues.get(peerAddressKey) }, "operator call");
    return next(request);
  };
}
