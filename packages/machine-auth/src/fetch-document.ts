import type { IncomingMessage } from "node:http";

/** What to ask for, and what it may cost. */
export interface FetchOptions {
  readonly accept: string;
  /** The ETag of what is at hand: the answer may be that it has not changed. */
  readonly etag?: string | undefined;
  readonly maxBytes: number;
  /** From the first packet to the last byte, in milliseconds. */
  readonly timeoutMs: number;
}

/** A server's answer. */
export type FetchedDocument =
  { readonly status: 200; readonly body: Buffer; readonly etag: string | undefined } | { readonly status: 304 | 404 };

/** Fetches a document by one GET; redirects are not followed. Rejects with an Error for any other answer. */
export async function fetchDocument(url: URL, options: FetchOptions): Promise<FetchedDocument> {
  // Loaded here, so that a verifier with a fixed trust never loads them.
  const { request } = url.protocol === "https:" ? await import("node:https") : await import("node:http");
  const signal = AbortSignal.timeout(options.timeoutMs);
  const { accept, etag } = options;
  const headers = { accept, connection: "close", ...(etag === undefined ? {} : { "if-none-match": etag }) };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { headers, agent: false, signal }, resolve).on("error", reject).end();
  });
  const { statusCode: status } = response;
  if (status === 200) return { status, body: await readBody(response, options.maxBytes), etag: response.headers.etag };
  response.destroy();
  if (status === 404 || (status === 304 && etag !== undefined)) return { status };
  throw new Error(`the server answered with status ${status}`);
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const encoding = response.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") {
    response.destroy();
    throw new Error("the server compressed its answer, which nobody asked for");
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`the document has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
