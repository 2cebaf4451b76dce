import type { IncomingMessage, ServerResponse } from "node:http";
import type { Authentication } from "./authenticate.js";
import type { WithCaller } from "./caller-of.js";
import { type Annotate, type Enforce, type MiddlewareOptions, nodeAuthenticator } from "./middleware.js";
import { refusedAnswer } from "./refused-answer.js";
import { endWith } from "./node-response.js";

export { callerOf } from "./caller-of.js";
export { identityHeaders } from "./identity-headers.js";
export type { Annotate, Enforce, MiddlewareOptions } from "./middleware.js";

declare global {
  namespace Express {
    interface Request {
      /** What is known of who sent the request; set by machineAuth. */
      caller?: Authentication;
    }
  }
}

/** A middleware of Express 5, and of everything that takes the same. */
export type ExpressMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Protects what comes after it: requests of known callers go on, with `request.caller` set and `callerOf(request)` to read
 * it. Others get 401, 403 or 503, as with `node:http`. Throws a TypeError for a trust URL that is not safe.
 */
export function machineAuth(options: MiddlewareOptions<IncomingMessage> & (Enforce | Annotate)): ExpressMiddleware {
  const authenticate = nodeAuthenticator<IncomingMessage>(options, (request) => request);
  const { clock = Date.now, mode } = options;
  return (request, response, next) => {
    authenticate(request).then((caller) => {
      if (caller.status !== "confirmed" && mode !== "annotate")
        return endWith(response, refusedAnswer(caller, clock()));
      Object.assign(request, { caller } satisfies WithCaller);
      next();
    }, next);
  };
}
