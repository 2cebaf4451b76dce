import { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { TLSSocket } from "node:tls";
import type { ContextValues } from "@connectrpc/connect";
import type { DirectMethod } from "@tokens/minter";

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
  const body = readBody(request);
  // An answer that cannot be written is one to a client that is gone.
  body.then((bytes) => answer(method, bytes, request, response, values)).catch(() => request.destroy());
  return true;
}

/** Node gives as many bytes as the header says, or no end: who goes away before it gets no answer. */
function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => void chunks.push(chunk));
    request.on("end", () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    request.on("error", reject);
  });
}

async function answer(
  method: DirectMethod,
  body: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
  values: ContextValues,
): Promise<void> {
  const { headers, socket, url = "" } = request;
  const scheme = socket instanceof TLSSocket ? "https" : "http";
  const reply = await method.answer({
    url: () => new URL(url, `${scheme}://${headers.host}`).href,
    header: new Headers(headers as Record<string, string>),
    body,
    values,
    gone: () => goneSignal(response),
  });
  response.writeHead(reply.status, reply.headers);
  response.end(reply.body);
}

function goneSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  if (response.destroyed) controller.abort();
  else response.once("close", () => controller.abort());
  return controller.signal;
}
