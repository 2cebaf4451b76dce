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

type Next = Parameters<Interceptor>[0];
type AnyRequest = Parameters<Next>[0];

/**
 * What all calls of a method go through, the outermost interceptor first, each of which may replace what the next one sees.
 * Connect puts this together anew for each call; it is the same each time.
 */
export function throughInterceptors({ options }: UnaryMethod): Next {
  let next: Next = (asked) => invocationOf(asked).handle(asked);
  for (const interceptor of (options.interceptors ?? []).toReversed()) next = interceptor(next);
  return next;
}

/** Copies of a request have its own properties, too. */
function invocationOf(asked: AnyRequest): Invocation {
  if ("invocation" in asked && asked.invocation instanceof Invocation) return asked.invocation;
  throw new TypeError("an interceptor must pass on the request that it was given, or a copy");
}

/** One call of a method. */
export class Invocation {
  readonly metadata: Metadata = new Metadata();
  readonly spec: UnaryMethod["spec"];
  readonly call: DirectCall;
  readonly lifetime: Lifetime;
  #answered: DirectResponse | undefined = undefined;

  constructor({ spec, options }: UnaryMethod, call: DirectCall) {
    this.spec = spec;
    this.call = call;
    this.lifetime = new Lifetime(call, options.shutdownSignal);
  }

  request(input: Message): UnaryRequest {
    return new DirectRequest(this, input);
  }

  async handle(asked: AnyRequest): Promise<UnaryResponse> {
    const { impl, method } = this.spec;
    const output = await impl(asked.message as never, new DirectContext(asked, this));
    return (this.#answered = new DirectResponse(method, create(method.output, output), this.metadata));
  }

  /** What is answered, with the metadata of whoever answered in the handler's place. */
  outputOf(response: Awaited<ReturnType<Next>>): Message {
    if (response !== this.#answered) this.metadata.merge(response.header, response.trailer);
    return response.message as Message;
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
  readonly method: DescMethodUnary;
  readonly service: DescService;
  readonly header: Headers;
  readonly contextValues: ContextValues;

  constructor(
    readonly invocation: Invocation,
    readonly message: Message,
  ) {
    this.method = invocation.spec.method;
    this.service = this.method.parent;
    this.header = invocation.call.header;
    this.contextValues = invocation.call.values;
  }

  get url(): string {
    return this.invocation.call.url();
  }

  get signal(): AbortSignal {
    return this.invocation.lifetime.signal;
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
    readonly invocation: Invocation,
  ) {
    this.service = asked.service;
    this.method = asked.method;
    this.requestHeader = asked.header;
    this.values = asked.contextValues;
  }

  readonly timeoutMs = (): number | undefined => this.invocation.lifetime.timeoutMs();

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
    return this.invocation.metadata.header;
  }

  get responseTrailer(): Headers {
    return this.invocation.metadata.trailer;
  }

  get signal(): AbortSignal {
    return this.asked.signal ?? this.invocation.lifetime.signal;
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
