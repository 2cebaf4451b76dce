import { create, type DescMethod, type DescMethodUnary, type DescService, type Message } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  type HandlerContext,
  type Interceptor,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import {
  createDeadlineSignal,
  createLinkedAbortController,
  createMethodSerializationLookup,
  createMethodUrl,
} from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes, parseTimeout } from "@connectrpc/connect/protocol-connect";
import { MAX_REQUEST_BYTES } from "./limits.js";
import { MethodCollector, type UnaryMethod } from "./method-collector.js";

/** The headers of a request that were looked at before its body was read: names in lower case. */
export type CallHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** A call in Connect's unary protocol whose body is here as a whole. */
export interface DirectCall {
  readonly url: () => string;
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

/** A method that is called so often that it pays to write its answers without protobuf-es. */
export interface DirectlyServed {
  readonly method: DescMethodUnary;
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
  const found = served.flatMap(({ method, encode }) => {
    const path = createMethodUrl("/", method);
    const registered = collector.methods.get(path);
    return registered ? [[path, directMethod(registered, encode as Encode)] as const] : [];
  });
  return new Map(found);
}

const BINARY = "application/proto";
const JSON_TYPE = "application/json";
const TIMEOUT_HEADER = "connect-timeout-ms";
const UNUSUAL = ["content-encoding", "transfer-encoding", "set-cookie"];

/** What a handler says besides its answer. Most say nothing, and then nothing is made for it. */
class Metadata {
  #header: Headers | undefined;
  #trailer: Headers | undefined;

  get header(): Headers {
    return (this.#header ??= new Headers());
  }

  get trailer(): Headers {
    return (this.#trailer ??= new Headers());
  }

  /** Takes over what an interceptor put in place of it. */
  merge(header: Headers | undefined, trailer: Headers | undefined): void {
    if (header !== this.#header) for (const [name, value] of header ?? []) this.header.set(name, value);
    if (trailer !== this.#trailer) for (const [name, value] of trailer ?? []) this.trailer.set(name, value);
  }

  answer(status: number, type: string, body: Uint8Array): DirectAnswer {
    const own = { "content-length": String(body.length), "content-type": type };
    if (!this.#header && !this.#trailer) return { status, headers: own, body };
    const { header, trailer } = this;
    for (const [name, value] of trailer) header.append(`trailer-${name}`, value);
    for (const [name, value] of Object.entries(own)) header.set(name, value);
    return { status, headers: Object.fromEntries(header), body };
  }
}

type Encode = (response: Message) => Uint8Array;

function directMethod(method: UnaryMethod, encode: Encode): DirectMethod {
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
      const metadata = new Metadata();
      try {
        const input = serialization.getI(isBinary).parse(call.body);
        const output = await invoke(method, call, input, metadata);
        const body = isBinary ? encode(output) : serialization.getO(false).serialize(output);
        return metadata.answer(200, isBinary ? BINARY : JSON_TYPE, body);
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

type AnyRequest = Parameters<ReturnType<Interceptor>>[0];

/** As Connect invokes a handler: through the interceptors, each of which may replace what the next one sees. */
async function invoke(
  { spec, options }: UnaryMethod,
  call: DirectCall,
  input: Message,
  metadata: Metadata,
): Promise<Message> {
  const { method } = spec;
  const lifetime = new Lifetime(call, options.shutdownSignal);
  let answered: DirectResponse | undefined;
  let next: Parameters<Interceptor>[0] = async (asked) => {
    const output = await spec.impl(asked.message as never, new DirectContext(asked, lifetime, metadata));
    return (answered = new DirectResponse(method, create(method.output, output), metadata));
  };
  for (const interceptor of (options.interceptors ?? []).toReversed()) next = interceptor(next);
  try {
    const response = await next(new DirectRequest(method, call, input, lifetime));
    if (response !== answered) metadata.merge(response.header, response.trailer);
    return response.message as Message;
  } finally {
    lifetime.end();
  }
}

/*
 * What interceptors and handlers see. Whatever most of them never look at is a getter of the class, and made when somebody
 * does: it would cost more than all interceptors together. A copy by spreading lacks it; pass on what you were given.
 */

/** What an interceptor sees of a call. */
class DirectRequest implements UnaryRequest {
  readonly stream = false;
  readonly requestMethod = "POST";
  readonly service: DescService;
  readonly header: Headers;
  readonly contextValues: ContextValues;

  constructor(
    readonly method: DescMethodUnary,
    readonly call: DirectCall,
    readonly message: Message,
    readonly lifetime: Lifetime,
  ) {
    this.service = method.parent;
    this.header = call.header;
    this.contextValues = call.values;
  }

  get url(): string {
    return this.call.url();
  }

  get signal(): AbortSignal {
    return this.lifetime.signal;
  }
}

/** What an interceptor sees of an answer. */
class DirectResponse implements UnaryResponse {
  readonly stream = false;
  readonly service: DescService;

  constructor(
    readonly method: DescMethodUnary,
    readonly message: Message,
    readonly metadata: Metadata,
  ) {
    this.service = method.parent;
  }

  get header(): Headers {
    return this.metadata.header;
  }

  get trailer(): Headers {
    return this.metadata.trailer;
  }
}

/** What a handler sees of a call, as the last interceptor left it. */
class DirectContext implements HandlerContext {
  readonly service: DescService;
  readonly method: DescMethod;
  readonly requestHeader: Headers;
  readonly values: ContextValues;

  constructor(
    readonly asked: AnyRequest,
    readonly lifetime: Lifetime,
    readonly metadata: Metadata,
  ) {
    this.service = asked.service;
    this.method = asked.method;
    this.requestHeader = asked.header;
    this.values = asked.contextValues;
  }

  readonly timeoutMs = (): number | undefined => this.lifetime.timeoutMs();

  get protocolName(): string {
    return "connect";
  }

  get requestMethod(): string {
    return this.asked.requestMethod;
  }

  get url(): string {
    return this.asked.url;
  }

  get responseHeader(): Headers {
    return this.metadata.header;
  }

  get responseTrailer(): Headers {
    return this.metadata.trailer;
  }

  get signal(): AbortSignal {
    return this.asked.signal ?? this.lifetime.signal;
  }
}

/** How long a call may take. Its signal is made when somebody asks for it: for most calls nobody does. */
class Lifetime {
  readonly #call: DirectCall;
  readonly #shutdown: AbortSignal | undefined;
  readonly #clock: () => number;
  readonly #beganMs: number;
  #signal: { readonly controller: AbortController; readonly cleanUp: () => void } | undefined;

  constructor(call: DirectCall, shutdown: AbortSignal | undefined, clock: () => number = Date.now) {
    this.#call = call;
    this.#shutdown = shutdown;
    this.#clock = clock;
    this.#beganMs = clock();
  }

  timeoutMs(): number | undefined {
    const { timeoutMs } = parseTimeout(this.#call.header.get(TIMEOUT_HEADER), Infinity);
    return timeoutMs === undefined ? undefined : timeoutMs - (this.#clock() - this.#beganMs);
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

/** Interceptors have made of every error one that the caller may see; what is none of Connect's says nothing. */
function errorAnswer(thrown: unknown, metadata: Metadata, { jsonOptions }: UnaryMethod["options"]): DirectAnswer {
  const isShown = thrown instanceof ConnectError;
  const error = isShown ? thrown : new ConnectError("internal error", Code.Internal, undefined, undefined, thrown);
  for (const [name, value] of error.metadata) metadata.header.set(name, value);
  return metadata.answer(codeToHttpStatus(error.code), JSON_TYPE, errorToJsonBytes(error, jsonOptions));
}
