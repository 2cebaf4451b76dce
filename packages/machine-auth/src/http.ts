import type { IncomingMessage, ServerResponse } from "node:http";
import type { Authentication, ConfirmedCaller } from "./authenticate.js";
import { type Annotate, type Enforce, type MiddlewareOptions, nodeAuthenticator } from "./middleware.js";
import { endWith } from "./node-response.js";
import { refusedAnswer } from "./refused-answer.js";

export { callerOf } from "./caller-of.js";
export { identityHeaders } from "./identity-headers.js";
export type { Annotate, Enforce, MiddlewareOptions } from "./middleware.js";

/** A request that has been looked at: its caller is known, or with mode "annotate" perhaps not. */
export interface CallerRequest<C extends Authentication = ConfirmedCaller> extends IncomingMessage {
  caller: C;
}

/** Answers a request. */
export type CallerHandler<C extends Authentication = ConfirmedCaller> = (
  request: CallerRequest<C>,
  response: ServerResponse,
) => void;

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Protects handlers of a `node:http` server: they see requests of known callers only, with `request.caller` set. Others
 * get 401 (no token, or a bad one; `WWW-Authenticate` names the code), 403 (good tokens, not allowed) or 503 (nobody can
 * tell now). Headers `X-Tokens-…` that a client made up are removed. Throws a TypeError for a trust URL that is not safe.
 */
export function machineAuth(
  options: MiddlewareOptions<IncomingMessage> & Annotate,
): (handler: CallerHandler<Authentication>) => Listener;
export function machineAuth(
  options: MiddlewareOptions<IncomingMessage> & Enforce,
): (handler: CallerHandler) => Listener;
export function machineAuth(
  options: MiddlewareOptions<IncomingMessage> & (Annotate | Enforce),
): (handler: CallerHandler<Authentication>) => Listener {
  const authenticate = nodeAuthenticator(options, (request) => request);
  const { clock = Date.now, mode } = options;
  return (handler) => (request, response) => {
    authenticate(request).then(
      (caller) => {
        if (caller.status === "confirmed" || mode === "annotate") {
          return handler(Object.assign(request, { caller }), response);
        }
        endWith(response, refusedAnswer(caller, clock()));
      },
      () => endWith(response, { status: 500, headers: {}, text: "internal error" }),
    );
  };
}
