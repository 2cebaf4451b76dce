import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type ConnectRouterOptions } from "@connectrpc/connect";
import { createMethodSerializationLookup, createMethodUrl } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes, parseTimeout } from "@connectrpc/connect/protocol-connect";
import {
  type DirectAnswer,
  type DirectCall,
  Invocation,
  type Metadata,
  throughInterceptors,
  TIMEOUT_HEADER,
} from "./direct-exchange.js";
import { MAX_REQUEST_BYTES } from "./limits.js";
import { MethodCollector, type UnaryMethod } from "./method-collector.js";

/** The headers of a request that were looked at before its body was read: names in lower case. */
export type CallHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** A method that can be called without Connect. */
export interface DirectMethod {
  /**
   * Whether a POST with these headers is a call that can be answered here. All else is better left to Connect: other
   * protocols, compression, a body of unknown or excessive length, and whatever breaks a rule.
   */
  isPlain(headers: CallHeaders): boolean;
  /** Answers as Connect would. Never rejects. */
  answer(call: DirectCall): Promise<DirectAnswer>;
}

/** A method that is called so often that it pays to read its requests and write its answers without protobuf-es. */
export interface DirectlyServed {
  readonly method: DescMethodUnary;
  /** Reads the same message as protobuf-es, or none. */
  readonly decode: (request: Uint8Array) => Message | undefined;
  /** Writes the same bytes as protobuf-es. */
  readonly encode: (response: never) => Uint8Array;
}

/**
 * These unary methods, by path, for callers that have read a request as a whole. They run the same handlers, interceptors
 * and limits and answer the same bytes as with Connect's own handler, at a tenth of its cost: that one is made of streams
 * and abort signals, which a call that fits into a packet does not need.
 */
export function directMethods(
  routes: (router: ConnectRouter) => void,
  options: ConnectRouterOptions,
  served: readonly DirectlyServed[],
): ReadonlyMap<string, DirectMethod> {
  const collector = new MethodCollector("/", options);
  routes(collector);
  const found = served.flatMap(({ method, decode, encode }) => {
    const path = createMethodUrl("/", method);
    const registered = collector.methods.get(path);
    return registered ? [[path, directMethod(registered, decode, encode as Encode)] as const] : [];
  });
  return new Map(found);
}

const BINARY = "application/proto";
const JSON_TYPE = "application/json";
const UNUSUAL = ["content-encoding", "transfer-encoding", "set-cookie"];

type Encode = (response: Message) => Uint8Array;

function directMethod(method: UnaryMethod, decode: DirectlyServed["decode"], encode: Encode): DirectMethod {
  const { spec, options } = method;
  const maxBytes = options.readMaxBytes ?? MAX_REQUEST_BYTES;
  const limits = { readMaxBytes: maxBytes, writeMaxBytes: options.writeMaxBytes ?? 0xffff_ffff };
  const serialization = createMethodSerializationLookup(
    spec.method,
    options.binaryOptions,
    options.jsonOptions,
    limits,
  );
  const run = throughInterceptors(method);
  return {
    isPlain: (headers) => isPlain(headers, maxBytes),
    answer: async (call) => {
      const isBinary = call.header.get("content-type") === BINARY;
      const invocation = new Invocation(method, call);
      const { metadata } = invocation;
      try {
        const read = isBinary && call.body.length <= maxBytes ? decode(call.body) : undefined;
        const input = read ?? serialization.getI(isBinary).parse(call.body);
        const output = invocation.outputOf(await run(invocation.request(input)));
        const body = isBinary ? encode(output) : serialization.getO(false).serialize(output);
        return metadata.answer(200, isBinary ? BINARY : JSON_TYPE, body);
      } catch (error) {
        return errorAnswer(error, metadata, options);
      } finally {
        invocation.lifetime.end();
      }
    },
  };
}

/** From here on: the type is one of two, there is no compression, and so many bytes follow, which are not too many. */
function isPlain(headers: CallHeaders, maxBytes: number): boolean {
  const { "content-type": type, "content-length": length, [TIMEOUT_HEADER]: timeout = "0" } = headers;
  if (type !== BINARY && type !== JSON_TYPE) return false;
  // Of all headers, Node gives cookies alone as a list.
  if (UNUSUAL.some((name) => headers[name] !== undefined)) return false;
  if (typeof timeout !== "string" || parseTimeout(timeout, Infinity).error) return false;
  return typeof length === "string" && /^\d{1,9}$/.test(length) && Number(length) <= maxBytes;
}

/** Interceptors have made of every error one that the caller may see; what is none of Connect's says nothing. */
function errorAnswer(thrown: unknown, metadata: Metadata, { jsonOptions }: UnaryMethod["options"]): DirectAnswer {
  const isShown = thrown instanceof ConnectError;
  const error = isShown ? thrown : new ConnectError("internal error", Code.Internal, undefined, undefined, thrown);
  for (const [name, value] of error.metadata) metadata.header.set(name, value);
  return metadata.answer(codeToHttpStatus(error.code), JSON_TYPE, errorToJsonBytes(error, jsonOptions));
}
