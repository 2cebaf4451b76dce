import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { MintError } from "./errors.js";
import { GRPC } from "./grpc-code.js";
import { beginRequest, type Connection } from "./post-connection.js";

/** Largest response that is read, in bytes: as much as LUCI's client takes. */
export const MAX_RESPONSE_BYTES: number = 32 * 1024 * 1024 - 32 * 1024;

/** One POST over HTTP. */
export interface HttpPost {
  readonly url: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Uint8Array;
  /** Ends the call. */
  readonly signal: AbortSignal;
  /** How the server is reached. Default: directly. */
  readonly connection?: Connection;
}

/** What came back, whatever the status. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Posts once and reads the whole answer. Follows no redirects. Rejects with a MintError when there is no whole answer. */
export async function postBytes(post: HttpPost): Promise<HttpAnswer> {
  const response = await send(post);
  return { status: response.statusCode ?? 0, headers: response.headers, body: await readBody(response) };
}

async function send({ url, headers, body, signal, connection = {} }: HttpPost): Promise<IncomingMessage> {
  const options = { method: "POST", headers: { ...headers, "content-length": body.length }, signal };
  const request = await beginRequest({ url: new URL(url), options, connection }).catch((error: Error) => {
    throw networkError(error);
  });
  return new Promise((resolve, reject) => {
    request
      .on("response", resolve)
      .on("error", (error) => reject(networkError(error)))
      .end(body);
  });
}

async function readBody(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_RESPONSE_BYTES) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw networkError(error as Error);
  }
  if (size <= MAX_RESPONSE_BYTES) return Buffer.concat(chunks);
  throw new MintError("BAD_RESPONSE", "the response is too big", { grpcCode: GRPC.unavailable });
}

/** What a call came to that got no whole answer. */
export function networkError(error: Error): MintError {
  const timedOut = "code" in error && error.code === "ETIMEDOUT";
  const grpcCode = timedOut ? GRPC.deadlineExceeded : GRPC.internal;
  return new MintError("UNAVAILABLE", `the token server cannot be reached: ${error.message}`, {
    grpcCode,
    cause: error,
  });
}
