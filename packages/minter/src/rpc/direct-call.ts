import { create, type DescMessage, type DescMethodUnary, type Message, type MessageShape } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  type HandlerContext,
  type Interceptor,
} from "@connectrpc/connect";
import {
  createDeadlineSignal,
  createLinkedAbortController,
  createMethodSerializationLookup,
} from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes, parseTimeout } from "@connectrpc/connect/protocol-connect";
import { MAX_REQUEST_BYTES } from "./limits.js";
import { MethodCollector, type UnaryMethod } from "./method-collector.js";

/** The headers of a request that were looked at before its body was read: names in lower case. */
export type CallHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** A call in Connect's unary protocol whose body is here as a whole. */
export interface DirectCall {
  readonly url: string;
  readonly header: Headers;
  readonly body: Uint8Array;
  readonly values: ContextValues;
  /** Aborted when the client goes away. Asked for only by whom it interests: it is dear. */
  readonly gone: () => AbortSignal;
}

/** What a call is answered with. */
export interface DirectAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

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

/**
 * These unary methods, by path, for callers that have read a request as a whole. They run the same handlers, interceptors
 * and limits and answer the same bytes as with Connect's own handler, at a tenth of its cost: that one is made of streams
 * and abort signals, which a call that fits into a packet does not need.
 */
export function directMethods(
  routes: (router: ConnectRouter) => void,
  options: ConnectRouterOptions,
  served: readonly DescMethodUnary[],
): ReadonlyMap<string, DirectMethod> {
  const collector = new MethodCollector("/", options);
  routes(collector);
  const found = [...collector.methods].filter(([, { spec }]) => served.includes(spec.method));
  return new Map(found.map(([path, method]) => [path, directMethod(method)]));
}

const BINARY = "application/proto";
const JSON_TYPE = "application/json";
const TIMEOUT_HEADER = "connect-timeout-ms";
const UNUSUAL = ["content-encoding", "transfer-encoding", "set-cookie"];

/** What a handler says besides its answer. */
interface Metadata {
  readonly header: Headers;
  readonly trailer: Headers;
}

function directMethod(method: UnaryMethod): DirectMethod {
  const { spec, options } = method;
  const maxBytes = options.readMaxBytes ?? MAX_REQUEST_BYTES;
  const limits = { readMaxBytes: maxBytes, writeMaxBytes: options.writeMaxBytes ?? 0xffff_ffff };
  const serialization = createMethodSerializationLookup(
    spec.method,
    options.binaryOptions,
    options.jsonOptions,
    limits,
  );
  return {
    isPlain: (headers) => isPlain(headers, maxBytes),
    answer: async (call) => {
      const isBinary = call.header.get("content-type") === BINARY;
      const metadata = { header: new Headers(), trailer: new Headers() };
      try {
        const input = serialization.getI(isBinary).parse(call.body);
        const output = await invoke(method, call, input, metadata);
        const body = serialization.getO(isBinary).serialize(output);
        return answerOf(200, isBinary ? BINARY : JSON_TYPE, body, metadata);
      } catch (error) {
        return errorAnswer(error, metadata, options);
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

type CallRequest = Parameters<ReturnType<Interceptor>>[0];

/** As Connect invokes a handler: through the interceptors, each of which may replace what the next one sees. */
async function invoke(
  { spec, options }: UnaryMethod,
  call: DirectCall,
  input: MessageShape<DescMessage>,
  metadata: Metadata,
): Promise<MessageShape<DescMessage>> {
  const { method } = spec;
  const lifetime = new Lifetime(call, options.shutdownSignal);
  const run = async (asked: CallRequest) => {
    const output = await spec.impl(asked.message as never, contextOf(asked, lifetime, metadata));
    return { stream: false, message: create(method.output, output), method, service: method.parent, ...metadata };
  };
  let next = run as Parameters<Interceptor>[0];
  for (const interceptor of (options.interceptors ?? []).toReversed()) next = interceptor(next);
  try {
    const { message, header, trailer } = await next(requestOf(method, call, input, lifetime));
    if (header !== metadata.header) for (const [name, value] of header) metadata.header.set(name, value);
    if (trailer !== metadata.trailer) for (const [name, value] of trailer) metadata.trailer.set(name, value);
    return message as MessageShape<DescMessage>;
  } finally {
    lifetime.end();
  }
}

/** What an interceptor sees of a call. */
function requestOf(method: DescMethodUnary, call: DirectCall, message: Message, lifetime: Lifetime): CallRequest {
  return {
    stream: false,
    message,
    method,
    service: method.parent,
    requestMethod: "POST",
    url: call.url,
    header: call.header,
    contextValues: call.values,
    get signal() {
      return lifetime.signal;
    },
  };
}

/** What a handler sees of a call. */
function contextOf(asked: CallRequest, lifetime: Lifetime, { header, trailer }: Metadata): HandlerContext {
  return {
    service: asked.service,
    method: asked.method,
    protocolName: "connect",
    requestMethod: asked.requestMethod,
    url: asked.url,
    timeoutMs: () => lifetime.timeoutMs(),
    requestHeader: asked.header,
    responseHeader: header,
    responseTrailer: trailer,
    values: asked.contextValues,
    get signal() {
      return asked.signal;
    },
  };
}

/** How long a call may take. Its signal is made when somebody asks for it: for most calls nobody does. */
class Lifetime {
  readonly #clock: () => number;
  readonly #call: DirectCall;
  readonly #shutdown: AbortSignal | undefined;
  readonly #announcedMs: number | undefined;
  readonly #beganMs: number;
  #signal: { readonly controller: AbortController; readonly cleanUp: () => void } | undefined;

  constructor(call: DirectCall, shutdown: AbortSignal | undefined, clock: () => number = Date.now) {
    this.#clock = clock;
    this.#call = call;
    this.#shutdown = shutdown;
    this.#announcedMs = parseTimeout(call.header.get(TIMEOUT_HEADER), Infinity).timeoutMs;
    this.#beganMs = clock();
  }

  timeoutMs(): number | undefined {
    return this.#announcedMs && this.#announcedMs - (this.#clock() - this.#beganMs);
  }

  get signal(): AbortSignal {
    if (!this.#signal) {
      const deadline = createDeadlineSignal(this.timeoutMs());
      const controller = createLinkedAbortController(deadline.signal, this.#call.gone(), this.#shutdown);
      this.#signal = { controller, cleanUp: deadline.cleanup };
    }
    return this.#signal.controller.signal;
  }

  end(): void {
    this.#signal?.cleanUp();
    this.#signal?.controller.abort();
  }
}

function answerOf(status: number, type: string, body: Uint8Array, { header, trailer }: Metadata): DirectAnswer {
  for (const [name, value] of trailer) header.append(`trailer-${name}`, value);
  header.set("content-type", type);
  header.set("content-length", String(body.length));
  return { status, headers: Object.fromEntries(header), body };
}

/** Interceptors have made of every error one that the caller may see; what is none of Connect's says nothing. */
function errorAnswer(thrown: unknown, metadata: Metadata, { jsonOptions }: UnaryMethod["options"]): DirectAnswer {
  const isShown = thrown instanceof ConnectError;
  const error = isShown ? thrown : new ConnectError("internal error", Code.Internal, undefined, undefined, thrown);
  for (const [name, value] of error.metadata) metadata.header.set(name, value);
  return answerOf(codeToHttpStatus(error.code), JSON_TYPE, errorToJsonBytes(error, jsonOptions), metadata);
}
