import type { Context, MiddlewareHandler } from "hono";
import type { Authentication, ConfirmedCaller } from "./authenticate.js";
import { identityHeaders, isForged } from "./identity-headers.js";
import { type Annotate, type Enforce, type MiddlewareOptions, requestAuthenticator } from "./middleware.js";
import { PLAIN_TEXT } from "./node-response.js";
import { refusedAnswer } from "./refused-answer.js";
import {
  credentialsOf,
  type NodeHeaders,
  removeForgedHeaders as removeForgedNodeHeaders,
  webValues,
} from "./request-headers.js";

export { identityHeaders } from "./identity-headers.js";
export type { Annotate, Enforce, MiddlewareOptions } from "./middleware.js";

/** What a handler finds: `context.var.caller`. */
export interface CallerVariables<C extends Authentication = ConfirmedCaller> {
  Variables: { caller: C };
}

type HonoMiddleware<C extends Authentication> = MiddlewareHandler<CallerVariables<C>>;

/**
 * Protects what comes after it: requests of known callers go on, with `context.var.caller` set. Others get 401, 403 or 503,
 * as with `node:http`. Throws a TypeError for a trust URL that is not safe.
 */
export function machineAuth(options: MiddlewareOptions<Context> & Annotate): HonoMiddleware<Authentication>;
export function machineAuth(options: MiddlewareOptions<Context> & Enforce): HonoMiddleware<ConfirmedCaller>;
export function machineAuth<C extends Authentication>(
  options: MiddlewareOptions<Context> & (Enforce | Annotate),
): HonoMiddleware<C> {
  const authenticate = requestAuthenticator<Context>(options);
  const { clock = Date.now, mode } = options;
  return async (context, next) => {
    removeForgedHeaders(context);
    const caller = await authenticate(context, credentialsOf(webValues(context.req.raw.headers)));
    if (caller.status !== "confirmed" && mode !== "annotate") {
      const { status, headers, text } = refusedAnswer(caller, clock());
      return context.body(`${text}\n`, status, { ...headers, "content-type": PLAIN_TEXT });
    }
    if (options.identityHeaders === true) setHeaders(context, identityHeaders(caller));
    // Only "annotate", whose callers may be any, lets one come here that is not confirmed.
    context.set("caller", caller as C);
    return next();
  };
}

/** Also where @hono/node-server shows the request of Node. */
function removeForgedHeaders(context: Context): void {
  const { incoming } = (context.env ?? {}) as { incoming?: NodeHeaders };
  if (incoming) removeForgedNodeHeaders(incoming);
  const kept = [...context.req.raw.headers].filter(([name]) => !isForged(name));
  const came = [...context.req.raw.headers.keys()];
  if (kept.length < came.length) context.req.raw = new Request(context.req.raw, { headers: kept });
}

/** Headers of a request that came in cannot be changed everywhere: it is made anew. */
function setHeaders(context: Context, added: Record<string, string>): void {
  const headers = [...context.req.raw.headers, ...Object.entries(added)];
  context.req.raw = new Request(context.req.raw, { headers });
}
