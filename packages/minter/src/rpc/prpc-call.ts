import { create } from "@bufbuild/protobuf";
import { Code, createHandlerContext } from "@connectrpc/connect";
import {
  invokeUnaryImplementation,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { ErrorDetailsSchema } from "@tokens/api/prpc";
import { MAX_CALL_MS, MAX_REQUEST_BYTES } from "./limits.js";
import type { UnaryMethod } from "./method-collector.js";
import { compressBody, readBody } from "./prpc-body.js";
import { decodeMessage, encodeMessage } from "./prpc-codec.js";
import { CONTENT_TYPES, type PrpcFormat, requestFormat } from "./prpc-format.js";
import { announcedTimeoutMs, checkBinaryHeaders, maxResponseBytes } from "./prpc-headers.js";
import { ProtocolError } from "./prpc-protocol-error.js";
import { respond } from "./prpc-response.js";

/** Runs one call and answers in this format. Throws a ProtocolError, or what the handler and its interceptors throw. */
export async function callMethod(
  method: UnaryMethod,
  request: UniversalServerRequest,
  format: PrpcFormat,
): Promise<UniversalServerResponse> {
  const { header } = request;
  const timeoutMs = announcedTimeoutMs(header);
  const limit = maxResponseBytes(header);
  checkBinaryHeaders(header);
  const input = await readMessage(method, request);
  const context = openContext(method, request, timeoutMs);
  try {
    const output = await invokeUnaryImplementation(method.spec, context, input, method.options.interceptors ?? []);
    const body = encodeMessage(method.spec.method.output, format, output);
    if (limit !== undefined && body.length > limit) throw responseTooBig(body.length, limit);
    return await answer(body, format, context.responseHeader, header.get("accept-encoding"));
  } finally {
    context.abort();
  }
}

async function readMessage({ spec, options }: UnaryMethod, request: UniversalServerRequest) {
  const schema = spec.method.input;
  const format = requestFormat(request.header.get("content-type"));
  const bytes = await readBody(request, options.readMaxBytes ?? MAX_REQUEST_BYTES);
  try {
    return decodeMessage(schema, format, bytes);
  } catch {
    // What a parser says of the body may repeat it, and with it a token.
    const message = `could not decode body: it is no ${schema.typeName} in ${CONTENT_TYPES[format]}`;
    throw new ProtocolError(Code.InvalidArgument, message);
  }
}

/** A deadline longer than a call may take is not refused, it is only not waited for. */
function openContext({ spec, options }: UnaryMethod, request: UniversalServerRequest, timeoutMs = MAX_CALL_MS) {
  return createHandlerContext({
    service: spec.method.parent,
    method: spec.method,
    protocolName: "prpc",
    requestMethod: request.method,
    url: request.url,
    timeoutMs: Math.min(timeoutMs, MAX_CALL_MS),
    requestSignal: request.signal,
    requestHeader: request.header,
    ...(options.shutdownSignal && { shutdownSignal: options.shutdownSignal }),
    ...(request.contextValues && { contextValues: request.contextValues }),
  });
}

async function answer(body: Buffer, format: PrpcFormat, given: Headers, acceptEncoding: string | null) {
  const headers = new Headers(given);
  headers.set("content-type", CONTENT_TYPES[format]);
  headers.set("x-content-type-options", "nosniff");
  headers.set("x-prpc-grpc-code", "0");
  const compressed = await compressBody(body, acceptEncoding);
  if (compressed) headers.set("content-encoding", "gzip");
  return respond(200, headers, compressed ?? body);
}

function responseTooBig(size: number, limit: number): ProtocolError {
  const value = { responseSize: BigInt(size), responseLimit: BigInt(limit) };
  const details = create(ErrorDetailsSchema, { kind: { case: "responseTooBig", value } });
  const message = `prpc: the response size ${size} exceeds the client limit ${limit}`;
  return new ProtocolError(Code.Unavailable, message, undefined, details);
}
