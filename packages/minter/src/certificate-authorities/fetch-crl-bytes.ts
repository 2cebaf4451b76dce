import type { LookupAddress } from "node:dns";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { createGunzip } from "node:zlib";
import { lookupOf } from "../fetch/guarded-address.js";
import { CrlRefused, CrlUnreachable, whyUnreachable } from "./crl-errors.js";

/** A GET that may be made. */
export interface CrlGet {
  readonly url: string;
  /** The addresses that are connected to, and no others: they were looked at. */
  readonly addresses: readonly LookupAddress[];
  /** What the server called the list that is known; undefined to get it in any case. */
  readonly etag: string | undefined;
  /** A bearer token. */
  readonly bearer: string | undefined;
  /** Most bytes of a list, after decompression too. */
  readonly maxBytes: number;
}

/** How a fetch ended. */
export type CrlAnswer = { readonly kind: "same" } | { readonly kind: "list"; readonly etag: string };

/**
 * Makes one GET, for as long as it takes: its caller has the clock. Redirects are not followed. Rejects with CrlUnreachable,
 * or CrlRefused if the list is too large; the message has no byte of what came.
 */
export async function fetchCrlBytes(get: CrlGet, onChunk: (chunk: Uint8Array) => void): Promise<CrlAnswer> {
  try {
    return await read(await send(get), get, onChunk);
  } catch (error) {
    if (error instanceof CrlUnreachable || error instanceof CrlRefused) throw error;
    throw new CrlUnreachable(whyUnreachable(error), { cause: error });
  }
}

function send({ url, addresses, etag, bearer }: CrlGet): Promise<IncomingMessage> {
  const headers = {
    "accept-encoding": "gzip",
    ...(etag === undefined || etag === "" ? {} : { "if-none-match": etag }),
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
  };
  const request = new URL(url).protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((done, fail) => {
    request(url, { method: "GET", headers, lookup: lookupOf(addresses), agent: false }, done)
      .on("error", fail)
      .end();
  });
}

async function read(response: IncomingMessage, get: CrlGet, onChunk: (chunk: Uint8Array) => void): Promise<CrlAnswer> {
  try {
    const { statusCode: status = 0, headers } = response;
    const isAsked = get.etag !== undefined && get.etag !== "";
    if (status === 304 && isAsked) return { kind: "same" };
    if (status >= 300 && status < 400)
      throw new CrlUnreachable(`the server redirects (HTTP ${status}); give the last URL`);
    if (status !== 200) throw new CrlUnreachable(`the server answers HTTP ${status}`);
    const etag = headers.etag ?? "";
    if (isAsked && etag === get.etag) return { kind: "same" };
    await readBody(response, get.maxBytes, onChunk);
    return { kind: "list", etag };
  } finally {
    response.destroy();
  }
}

async function readBody(
  response: IncomingMessage,
  maxBytes: number,
  onChunk: (chunk: Uint8Array) => void,
): Promise<void> {
  const encoding = response.headers["content-encoding"] ?? "identity";
  if (encoding !== "gzip" && encoding !== "identity")
    throw new CrlUnreachable("the server compresses in a way that nobody asked for");
  const body = encoding === "gzip" ? response.pipe(createGunzip()) : response;
  response.on("error", (error) => body.destroy(error));
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new CrlRefused(`the list has more than ${maxBytes} bytes`, "TOO_LARGE");
    onChunk(chunk);
  }
}
