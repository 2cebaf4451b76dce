import { Code } from "@connectrpc/connect";
import { TokenRejected, type Trust, TrustUnavailable, verifyMachineToken } from "@tokens/machine-auth";
import { MACHINE_TOKEN_HEADER } from "@tokens/machine-auth/machine-token";
import { refuseCall, Unavailable } from "../errors.js";
import type { CredentialKind } from "./caller.js";

/** Machine tokens that this server made: `bot:<fqdn>`. With `audience`, the name of this server in tokens. */
export function machineTokenCredential(trust: () => Trust, audience: string): CredentialKind {
  return {
    identify: async ({ headers, nowMs }) => {
      const token = headers.get(MACHINE_TOKEN_HEADER);
      if (token === null) return undefined;
      try {
        return verifyMachineToken(token, trust(), { now: nowMs / 1000, audience }).identity;
      } catch (error) {
        throw readable(error);
      }
    },
  };
}

function readable(error: unknown): unknown {
  if (error instanceof TokenRejected) {
    return refuseCall(Code.Unauthenticated, "invalid machine token", `${error.code}: ${error.message}`, error);
  }
  if (error instanceof TrustUnavailable)
    return new Unavailable("cannot check machine tokens now", error.message, error);
  return error;
}
