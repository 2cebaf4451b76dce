import type { LookupAddress } from "node:dns";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { createGunzip } from "node:zlib";
import { guardedAddresses, lookupOf, type ResolveName } from "../fetch/guarded-address.js";
import { type CrlHosts, whyNoCrlUrl } from "./crl-address.js";
import { CrlRefused } from "./crl-thread.js";

/** The server of a list gave none: it cannot be reached, or answers something else. Asking again may help. */
export class CrlUnreachable extends Error {
  override name = "CrlUnreachable";
}

/** The list must not be fetched from there; asking again will not help. */
export class CrlForbidden extends Error {
  override name = "CrlForbidden";
}

/** What a fetch needs. */
export interface CrlFetch {
  readonly url: string;
  /** What the server called the list that is known; undefined to get it in any case. */
  readonly etag: string | undefined;
  /** A bearer token. */
  readonly bearer: string | undefined;
  readonly crlHosts: CrlHosts;
  /** Most bytes of a list, after decompression too. */
  readonly maxBytes: number;
  /** For all of the fetch, in milliseconds. */
  readonly timeoutMs: number;
  /** Default: as the system resolves names. */
  readonly resolve?: ResolveName;
  /** Gets the list as it comes. */
  readonly onChunk: (chunk: Uint8Array) => void;
}

/** How a fetch ended. */
export type CrlAnswer = { readonly kind: "same" } | { readonly kind: "list"; readonly etag: string };

/**
 * Fetches a list: one GET, of an address that is public or allowed, and that is the one that was looked at. Redirects are
 * not followed. Rejects with CrlUnreachable, CrlForbidden, or CrlRefused if the list is too large; the message has no byte
 * of what came.
 */
export async function fetchCrl(fetch: CrlFetch): Promise<CrlAnswer> {
  const reason = whyNoCrlUrl(fetch.url, fetch.crlHosts);
  if (reason !== undefined) throw new CrlForbidden(`crl_url ${reason}`);
  const signal = AbortSignal.timeout(fetch.timeoutMs);
  try {
    const url = new URL(fetch.url);
    const addresses = await addressesOf(url, fetch, signal);
    const response = await get(url, addresses, fetch, signal);
    return await read(response, fetch);
  } catch (error) {
    if (error instanceof CrlForbidden || error instanceof CrlUnreachable || error instanceof CrlRefused) throw error;
    if (signal.aborted) throw new CrlUnreachable(`no whole answer within ${fetch.timeoutMs / 1000} s`);
    throw new CrlUnreachable(sentence(error), { cause: error });
  }
}

function sentence(error: unknown): string {
  if (!(error instanceof Error)) return "the fetch failed";
  const code = "code" in error ? String(error.code) : undefined;
  return code === undefined ? error.message : `the fetch failed: ${code}`;
}

/** The addresses that are connected to: looked up once, so that nobody can change them after the look. */
async function addressesOf(
  url: URL,
  { crlHosts, resolve }: CrlFetch,
  signal: AbortSignal,
): Promise<readonly LookupAddress[]> {
  const addresses = await guardedAddresses(url, crlHosts, signal, resolve);
  if (addresses) return addresses;
  throw new CrlForbidden(`the host of crl_url has a private address; --allow-crl-host ${url.host} allows it`);
}

function get(
  url: URL,
  addresses: readonly LookupAddress[],
  { etag, bearer }: CrlFetch,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const headers = {
    "accept-encoding": "gzip",
    ...(etag === undefined || etag === "" ? {} : { "if-none-match": etag }),
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
  };
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((done, fail) => {
    request(url, { method: "GET", headers, lookup: lookupOf(addresses), signal, agent: false }, done)
      .on("error", fail)
      .end();
  });
}

async function read(response: IncomingMessage, fetch: CrlFetch): Promise<CrlAnswer> {
  try {
    const { statusCode: status = 0, headers } = response;
    const isAsked = fetch.etag !== undefined && fetch.etag !== "";
    if (status === 304 && isAsked) return { kind: "same" };
    if (status >= 300 && status < 400)
      throw new CrlUnreachable(`the server redirects (HTTP ${status}); give the last URL`);
    if (status !== 200) throw new CrlUnreachable(`the server answers HTTP ${status}`);
    const etag = headers.etag ?? "";
    if (isAsked && etag === fetch.etag) return { kind: "same" };
    await readBody(response, fetch);
    return { kind: "list", etag };
  } finally {
    response.destroy();
  }
}

async function readBody(response: IncomingMessage, { maxBytes, onChunk }: CrlFetch): Promise<void> {
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
