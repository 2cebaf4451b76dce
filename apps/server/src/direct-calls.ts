import { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { TLSSocket } from "node:tls";
import type { ContextValues } from "@connectrpc/connect";
import type { DirectCall, DirectMethod } from "@tokens/minter";
import { RequestHeaders } from "./request-headers.js";

/** A request that has come as far as its headers, and where its answer goes. */
export interface Exchange {
  readonly request: IncomingMessage | Http2ServerRequest;
  readonly response: ServerResponse | Http2ServerResponse;
  readonly contextValues: (request: IncomingMessage) => ContextValues;
}

/**
 * Answers a call of this method without Connect if it is a plain one over HTTP/1.1. Returns false, having read nothing of
 * the body, for any other.
 */
export function answerDirectly(method: DirectMethod, { request, response, contextValues }: Exchange): boolean {
  if (!(request instanceof IncomingMessage) || !(response instanceof ServerResponse)) return false;
  if (request.method !== "POST" || !method.isPlain(request.headers)) return false;
  const values = contextValues(request);
  readBody(request, (body) => {
    const call = new PlainCall(request, response, body, values);
    // An answer that cannot be written is one to a client that is gone.
    answer(method, call, response).catch(() => request.destroy());
  });
  return true;
}

/** Node gives as many bytes as the header says, or no end: who goes away before it gets no answer. */
function readBody(request: IncomingMessage, done: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => void chunks.push(chunk));
  request.on("end", () => done(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
  request.on("error", () => request.destroy());
}

async function answer(method: DirectMethod, call: DirectCall, response: ServerResponse): Promise<void> {
  const { status, headers, body } = await method.answer(call);
  response.writeHead(status, headers);
  response.end(body);
}

/** A call whose body is here. What most calls are not asked for is made when somebody asks. */
class PlainCall implements DirectCall {
  readonly header: Headers;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    readonly body: Uint8Array,
    readonly values: ContextValues,
  ) {
    this.#request = request;
    this.#response = response;
    this.header = new RequestHeaders(request.headers);
  }

  url(): string {
    const { headers, socket, url = "" } = this.#request;
    const scheme = socket instanceof TLSSocket ? "https" : "http";
    return new URL(url, `${scheme}://${headers.host}`).href;
  }

  gone(): AbortSignal {
    const controller = new AbortController();
    if (this.#response.destroyed) controller.abort();
    else this.#response.once("close", () => controller.abort());
    return controller.signal;
  }
}
