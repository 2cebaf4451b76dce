import {
  Code,
  ConnectError,
  type ContextKey,
  type ContextValues,
  createContextKey,
  type Interceptor,
  type StreamRequest,
  type UnaryRequest,
} from "@connectrpc/connect";
import type { Authentication, ConfirmedCaller } from "./authenticate.js";
import { callerOf as confirmed } from "./caller-of.js";
import { identityHeaders, isForged } from "./identity-headers.js";
import { type Annotate, type Enforce, type MiddlewareOptions, requestAuthenticator } from "./middleware.js";
import { type RefusedAnswer, refusedAnswer } from "./refused-answer.js";
import { credentialsOf, webValues } from "./request-headers.js";

export { identityHeaders } from "./identity-headers.js";
export type { Annotate, Enforce, MiddlewareOptions } from "./middleware.js";

type RpcRequest = UnaryRequest | StreamRequest;

const CODES: Record<RefusedAnswer["status"], Code> = {
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  503: Code.Unavailable,
};

/** What is known of a call's sender, in the values of its context; undefined until machineAuth has looked at it. */
export const callerKey: ContextKey<Authentication | undefined> = createContextKey<Authentication | undefined>(
  undefined,
  {
    description: "who sent the call",
  },
);

/** The caller of an RPC, from the values of its context. Throws an Error when no caller is confirmed there. */
export function callerOf(values: ContextValues): ConfirmedCaller {
  return confirmed({ caller: values.get(callerKey) });
}

/**
 * An interceptor for servers of Connect, gRPC and gRPC-Web: calls of known callers go on, with `callerKey` set. Others end
 * with UNAUTHENTICATED, PERMISSION_DENIED or UNAVAILABLE, and the same headers as with `node:http`. It runs after a unary
 * call's message was read: set `readMaxBytes`. Throws a TypeError for a trust URL that is not safe.
 */
export function machineAuth(options: MiddlewareOptions<RpcRequest> & (Enforce | Annotate)): Interceptor {
  const authenticate = requestAuthenticator<RpcRequest>(options);
  const { clock = Date.now, mode } = options;
  return (next) => async (request) => {
    const forged = [...request.header.keys()].filter(isForged);
    for (const name of forged) request.header.delete(name);
    const caller = await authenticate(request, credentialsOf(webValues(request.header)));
    if (caller.status !== "confirmed" && mode !== "annotate") {
      const { status, headers, text } = refusedAnswer(caller, clock());
      throw new ConnectError(text, CODES[status], headers);
    }
    if (options.identityHeaders === true) {
      for (const [name, value] of Object.entries(identityHeaders(caller))) request.header.set(name, value);
    }
    request.contextValues.set(callerKey, caller);
    return next(request);
  };
}
