import { Code, type Interceptor } from "@connectrpc/connect";
import { DELEGATION_TOKEN_HEADER } from "@tokens/machine-auth/delegation-token";
import { MACHINE_TOKEN_HEADER } from "@tokens/machine-auth/machine-token";
import { anonymousCaller } from "../access/caller.js";
import { type IdentifyCaller, PROJECT_HEADER } from "../access/identify-caller.js";
import { refuseCall } from "../errors.js";
import { callerKey, clientCertificateKey, repeatedHeadersKey } from "./caller.js";

/** Every header that may say who calls. */
const CREDENTIAL_HEADERS = ["Authorization", MACHINE_TOKEN_HEADER, DELEGATION_TOKEN_HEADER, PROJECT_HEADER];
const IN_LOWER_CASE = CREDENTIAL_HEADERS.map((name) => name.toLowerCase());

/** Finds out who makes each call, and tells the handlers. A call with a bad credential ends here: it is not anonymous. */
export function authenticateCaller(identify: IdentifyCaller, clock: () => number): Interceptor {
  return (next) => async (request) => {
    const { contextValues, header } = request;
    refuseRepeated(contextValues.get(repeatedHeadersKey));
    const clientCertificate = contextValues.get(clientCertificateKey);
    // Machines that ask for a token have none yet: most calls say nothing of who makes them, and have no rights.
    const isSilent = clientCertificate === undefined && !IN_LOWER_CASE.some((name) => header.has(name));
    const caller = isSilent ? anonymousCaller : await identify({ headers: header, clientCertificate, nowMs: clock() });
    contextValues.set(callerKey, caller);
    return await next(request);
  };
}

function refuseRepeated(repeated: ReadonlySet<string>): void {
  if (repeated.size === 0) return;
  const name = CREDENTIAL_HEADERS.find((header) => repeated.has(header.toLowerCase()));
  if (name !== undefined) throw refuseCall(Code.Unauthenticated, `the call has more than one ${name} header`);
}
