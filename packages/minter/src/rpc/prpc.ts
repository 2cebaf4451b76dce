import { Code, ConnectError, type ConnectRouter, type ConnectRouterOptions } from "@connectrpc/connect";
import type { UniversalHandlerFn, UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { REFERENCE_HEADER } from "../errors.js";
import type { Logger } from "../log.js";
import { MethodCollector, type UnaryMethod } from "./method-collector.js";
import { peerAddressKey } from "./peer.js";
import { callMethod } from "./prpc-call.js";
import { type PrpcFormat, responseFormat } from "./prpc-format.js";
import { ProtocolError } from "./prpc-protocol-error.js";
import { respondEmpty, respondError, respondText } from "./prpc-response.js";
import { newReferenceId } from "./reference-id.js";

/** Every path of pRPC begins with this. */
export const PRPC_PREFIX = "/prpc/";

/**
 * LUCI's pRPC over the same handlers, interceptors and limits as the other protocols: answers every request under
 * {@link PRPC_PREFIX}. Never rejects.
 */
export function prpcHandler(
  routes: (router: ConnectRouter) => void,
  options: ConnectRouterOptions,
  log: Logger,
): UniversalHandlerFn {
  const collector = new MethodCollector(PRPC_PREFIX, options);
  routes(collector);
  return async (request) => {
    const path = new URL(request.url).pathname;
    const outside = answerOutside(request, path);
    return outside ?? answerCall(collector.methods.get(path), request, log);
  };
}

/** What needs no method: no call of any is answered here. */
function answerOutside({ method }: UniversalServerRequest, path: string): UniversalServerResponse | undefined {
  if (/^\/prpc\/[^/]+\/[^/]+\/$/.test(path)) return respondEmpty(307, { location: path.slice(0, -1) });
  if (!/^\/prpc\/[^/]+\/[^/]+$/.test(path)) return respondText(404, "not found");
  if (method === "OPTIONS") return respondEmpty(200);
  if (method !== "POST") return respondText(405, "method not allowed", { allow: "OPTIONS, POST" });
  return undefined;
}

async function answerCall(method: UnaryMethod | undefined, request: UniversalServerRequest, log: Logger) {
  let format: PrpcFormat = "binary";
  try {
    if (!method) throw new ConnectError("no such method", Code.Unimplemented);
    format = responseFormat(request.header.get("accept"));
    return await callMethod(method, request, format);
  } catch (error) {
    const shown = error instanceof ProtocolError || error instanceof ConnectError ? error : internalError();
    const response = respondError(shown, format);
    if (response.header?.has(REFERENCE_HEADER)) return response;
    // What came from behind the interceptors is in the log already, and bears a reference id.
    const referenceId = newReferenceId();
    response.header?.set(REFERENCE_HEADER, referenceId);
    const fields = { method: method?.spec.method.name, peer: request.contextValues?.get(peerAddressKey), referenceId };
    if (shown === error) log.warn({ ...fields, code: Code[shown.code], detail: shown.message }, "call refused");
    else log.error({ ...fields, code: Code[shown.code], err: error }, "call failed");
    return response;
  }
}

function internalError(): ConnectError {
  return new ConnectError("internal error", Code.Internal);
}
