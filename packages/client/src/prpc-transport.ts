import type { IncomingHttpHeaders } from "node:http";
import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextValues, type Interceptor, type Transport } from "@connectrpc/connect";
import { createMethodUrl, runUnaryCall } from "@connectrpc/connect/protocol";
import { MintError } from "./errors.js";
import { GRPC } from "./grpc-code.js";
import { type HttpAnswer, type HttpPost, postBytes } from "./post-bytes.js";
import { errorDetails } from "./prpc-details.js";
import { prpcHeaders, readPrpcAnswer } from "./prpc-unary.js";

/** Where a pRPC transport sends its calls. */
export interface PrpcTransportOptions {
  /** Base URL of the server, without `/prpc`. */
  readonly baseUrl: string;
  readonly interceptors?: Interceptor[];
}

/**
 * A transport for Connect's clients that speaks LUCI's pRPC in its binary encoding, to LUCI's server and to ours. There
 * are no streaming calls in pRPC. Where another try cannot help although the code says so, the error's cause is a
 * MintError BAD_RESPONSE.
 */
export function createPrpcTransport({ baseUrl, interceptors = [] }: PrpcTransportOptions): Transport {
  const prefix = `${baseUrl.replace(/\/+$/, "")}/prpc`;
  return {
    unary(method, signal, timeoutMs, header, message, contextValues = createContextValues()) {
      const limitMs = timeoutMs !== undefined && timeoutMs > 0 ? timeoutMs : undefined;
      return runUnaryCall({
        interceptors,
        ...(signal && { signal }),
        ...(limitMs !== undefined && { timeoutMs: limitMs }),
        req: {
          stream: false,
          service: method.parent,
          method,
          requestMethod: "POST",
          url: createMethodUrl(prefix, method),
          header: withPrpcHeaders(new Headers(header), limitMs),
          contextValues,
          message,
        },
        next: async (request) => {
          const body = toBinary(method.input, request.message);
          const headers = Object.fromEntries(request.header);
          const answer = await post({ url: request.url, headers, body, signal: request.signal });
          const output = readMessage(method.output, answer);
          const { stream, service } = request;
          return {
            stream,
            service,
            method,
            header: toHeaders(answer.headers),
            message: output,
            trailer: new Headers(),
          };
        },
      });
    },
    stream: () => Promise.reject(new ConnectError("pRPC has no streaming calls", Code.Unimplemented)),
  };
}

function withPrpcHeaders(headers: Headers, timeoutMs: number | undefined): Headers {
  for (const [name, value] of Object.entries(prpcHeaders(timeoutMs))) headers.set(name, value);
  return headers;
}

async function post(request: HttpPost): Promise<HttpAnswer> {
  try {
    return await postBytes(request);
  } catch (error) {
    if (!(error instanceof MintError)) throw error;
    throw new ConnectError(error.message, error.grpcCode ?? GRPC.internal, undefined, undefined, error);
  }
}

function readMessage<Desc extends DescMessage>(schema: Desc, answer: HttpAnswer): MessageShape<Desc> {
  const read = readPrpcAnswer(answer);
  if (!Buffer.isBuffer(read)) {
    const cause = read.code === "BAD_RESPONSE" ? badResponse(read.message, read.grpcCode) : undefined;
    const error = new ConnectError(read.message, read.grpcCode, toHeaders(answer.headers), undefined, cause);
    error.details = errorDetails(answer.headers);
    throw error;
  }
  try {
    return fromBinary(schema, read);
  } catch (error) {
    const message = "the server's response cannot be read";
    throw new ConnectError(message, Code.Internal, undefined, undefined, badResponse(message, GRPC.internal, error));
  }
}

function badResponse(message: string, grpcCode: number, cause?: unknown): MintError {
  return new MintError("BAD_RESPONSE", message, { grpcCode, cause });
}

function toHeaders(given: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    for (const each of [value ?? []].flat()) headers.append(name, each);
  }
  return headers;
}
