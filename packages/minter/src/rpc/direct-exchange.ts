import { create, type DescMethod, type DescMethodUnary, type DescService, type Message } from "@bufbuild/protobuf";
import type { ContextValues, HandlerContext, Interceptor, UnaryRequest, UnaryResponse } from "@connectrpc/connect";
import { createDeadlineSignal, createLinkedAbortController } from "@connectrpc/connect/protocol";
import { parseTimeout } from "@connectrpc/connect/protocol-connect";
import { MAX_CALL_MS } from "./limits.js";
import type { UnaryMethod } from "./method-collector.js";

/** A call in Connect's unary protocol whose body is here as a whole. */
export interface DirectCall {
  url(): string;
  readonly header: Headers;
  readonly body: Uint8Array;
  readonly values: ContextValues;
  /** Aborted when the client goes away. Asked for only by whom it interests: it is dear. */
  gone(): AbortSignal;
}

/** What a call is answered with. */
export interface DirectAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Where a caller says how long it waits. */
export const TIMEOUT_HEADER = "connect-timeout-ms";

/** What a handler says besides its answer. Most say nothing, and then nothing is made for it. */
export class Metadata {
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

type AnyRequest = Parameters<ReturnType<Interceptor>>[0];

/** As Connect invokes a handler: through the interceptors, each of which may replace what the next one sees. */
export async function invokeDirectly(
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

/**
 * How long a call may take: as long as its client says, and no longer than any call. Its signal is made when somebody asks
 * for it: for most calls nobody does.
 */
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
    return timeoutMs === undefined ? undefined : this.#leftOf(timeoutMs);
  }

  get signal(): AbortSignal {
    if (!this.#signal) {
      const leftMs = this.#leftOf(MAX_CALL_MS);
      const deadline = createDeadlineSignal(Math.min(this.timeoutMs() ?? leftMs, leftMs));
      const controller = createLinkedAbortController(deadline.signal, this.#call.gone(), this.#shutdown);
      this.#signal = { controller, cleanUp: deadline.cleanup };
    }
    return this.#signal.controller.signal;
  }

  end(): void {
    this.#signal?.cleanUp();
    this.#signal?.controller.abort();
  }

  #leftOf(ms: number): number {
    return ms - (this.#clock() - this.#beganMs);
  }
}
