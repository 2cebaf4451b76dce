import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Authentication } from "./authenticate.js";
import { type Annotate, type Enforce, type MiddlewareOptions, nodeAuthenticator } from "./middleware.js";
import { PLAIN_TEXT } from "./node-response.js";
import { refusedAnswer } from "./refused-answer.js";

export { callerOf } from "./caller-of.js";
export { identityHeaders } from "./identity-headers.js";
export type { Annotate, Enforce, MiddlewareOptions } from "./middleware.js";

declare module "fastify" {
  interface FastifyRequest {
    /** What is known of who sent the request; null until machineAuth has looked at it. */
    caller: Authentication | null;
  }
}

/** How a Fastify server is protected. */
export type FastifyMachineAuthOptions = MiddlewareOptions<FastifyRequest> & (Enforce | Annotate);

/**
 * A plugin that protects all routes of the instance it is registered with: requests of known callers go on, with
 * `request.caller` set and `callerOf(request)` to read it. Others get 401, 403 or 503, before their body is read. Rejects
 * with a TypeError for a trust URL that is not safe.
 */
// oxlint-disable-next-line typescript/require-await -- what it throws becomes a rejection
export async function machineAuth(fastify: FastifyInstance, options: FastifyMachineAuthOptions): Promise<void> {
  const authenticate = nodeAuthenticator<FastifyRequest>(options, (request) => request.raw);
  const { clock = Date.now, mode } = options;
  fastify.decorateRequest("caller", null);
  fastify.addHook("onRequest", async (request, reply) => {
    const caller = await authenticate(request);
    if (caller.status === "confirmed" || mode === "annotate") {
      request.caller = caller;
      return undefined;
    }
    const { status, headers, text } = refusedAnswer(caller, clock());
    return reply.code(status).headers(headers).type(PLAIN_TEXT).send(`${text}\n`);
  });
}

// Fastify gives each plugin a room of its own; this one is for the room it is registered in.
Object.assign(machineAuth, { [Symbol.for("skip-override")]: true });
