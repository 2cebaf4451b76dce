import { Code, type Interceptor } from "@connectrpc/connect";
import { refuseCall } from "../errors.js";
import { listenerKey } from "./listener.js";

/** All services of operators are in this package, so that one rule covers them. */
const ADMIN_PACKAGE = "tokenserver.admin.";

/** Lets administrators alone call the operators' services: whoever comes in on the admin listener. */
export function requireAdmin(): Interceptor {
  return (next) => async (request) => {
    const forAdmins = request.service.typeName.startsWith(ADMIN_PACKAGE);
    if (forAdmins && request.contextValues.get(listenerKey) !== "admin") {
      throw refuseCall(Code.PermissionDenied, "not an admin", `${request.service.typeName} on the public listener`);
    }
    return next(request);
  };
}
