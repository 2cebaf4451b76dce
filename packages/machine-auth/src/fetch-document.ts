import type { IncomingMessage } from "node:http";

/** What a fetch may cost. */
export interface FetchLimits {
  readonly maxBytes: number;
  /** From the first packet to the last byte, in milliseconds. */
  readonly timeoutMs: number;
}

/** Fetches a JSON document by one GET: status 200 only, redirects are not followed. Rejects with an Error. */
export async function fetchDocument(url: URL, limits: FetchLimits): Promise<string> {
  // Loaded here, so that a verifier with a fixed trust never loads them.
  const { request } = url.protocol === "https:" ? await import("node:https") : await import("node:http");
  const signal = AbortSignal.timeout(limits.timeoutMs);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { accept: "application/json", connection: "close" };
    request(url, { headers, agent: false, signal }, resolve).on("error", reject).end();
  });
  if (response.statusCode !== 200) {
    response.destroy();
    throw new Error(`the server answered with status ${response.statusCode}`);
  }
  return readText(response, limits.maxBytes);
}

async function readText(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`the document has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
}
