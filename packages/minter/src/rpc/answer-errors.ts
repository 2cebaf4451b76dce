import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { Refusal, renderError, Unavailable } from "../errors.js";
import type { Logger } from "../log.js";
import { callerKey } from "./caller.js";
import { peerAddressKey } from "./peer.js";
import { newReferenceId, referenceIdKey } from "./reference-id.js";

function describe(error: unknown): Record<string, unknown> {
  if (error instanceof Refusal) return { code: Code[error.code], detail: error.detail, err: error.cause };
  if (error instanceof Unavailable) return { code: "Unavailable", detail: error.detail, err: error.cause };
  if (error instanceof ConnectError) return { code: Code[error.code], detail: error.rawMessage };
  return { code: Code[Code.Internal], err: error };
}

/**
 * Gives each call a reference id, turns what a handler throws into the error that the caller may see, and logs the rest
 * under the same id.
 */
export function answerErrors(log: Logger): Interceptor {
  return (next) => async (request) => {
    const referenceId = newReferenceId();
    request.contextValues.set(referenceIdKey, referenceId);
    try {
      return await next(request);
    } catch (error) {
      const { identity } = request.contextValues.get(callerKey);
      const peer = request.contextValues.get(peerAddressKey);
      const fields = { method: request.method.name, peer, caller: identity, referenceId };
      const expected = error instanceof Refusal || error instanceof Unavailable || error instanceof ConnectError;
      log[expected ? "warn" : "error"]({ ...fields, ...describe(error) }, expected ? "call refused" : "call failed");
      throw renderError(error, referenceId);
    }
  };
}
