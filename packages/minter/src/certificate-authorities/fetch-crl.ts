import type { LookupAddress } from "node:dns";
import { beforeAbort } from "../fetch/before-abort.js";
import { guardedAddresses, type ResolveName } from "../fetch/guarded-address.js";
import { type CrlHosts, whyNoCrlUrl } from "./crl-address.js";
import { CrlForbidden, CrlRefused, CrlUnreachable, whyUnreachable } from "./crl-errors.js";
import type { CrlAnswer, CrlGet } from "./fetch-crl-bytes.js";

/** What a fetch needs. */
export interface CrlFetch extends Omit<CrlGet, "addresses"> {
  readonly crlHosts: CrlHosts;
  /** For all of the fetch, in milliseconds. */
  readonly timeoutMs: number;
  /** Default: as the system resolves names. */
  readonly resolve?: ResolveName;
  /** Makes the GET, where it is in nobody's way. Once the time is up nobody waits for it; it is the caller's to end. */
  readonly get: (get: CrlGet) => Promise<CrlAnswer>;
}

/**
 * Fetches a list: one GET, of an address that is public or allowed, and that is the one that was looked at. Rejects with
 * CrlUnreachable, CrlForbidden, or as the GET does; the message has no byte of what came.
 */
export async function fetchCrl(fetch: CrlFetch): Promise<CrlAnswer> {
  const reason = whyNoCrlUrl(fetch.url, fetch.crlHosts);
  if (reason !== undefined) throw new CrlForbidden(`crl_url ${reason}`);
  const signal = AbortSignal.timeout(fetch.timeoutMs);
  try {
    const { url, etag, bearer, maxBytes } = fetch;
    const addresses = await addressesOf(new URL(url), fetch, signal);
    return await beforeAbort(signal, fetch.get({ url, addresses, etag, bearer, maxBytes }));
  } catch (error) {
    if (error instanceof CrlForbidden || error instanceof CrlUnreachable || error instanceof CrlRefused) throw error;
    if (signal.aborted) throw new CrlUnreachable(`no whole answer within ${fetch.timeoutMs / 1000} s`);
    throw new CrlUnreachable(whyUnreachable(error), { cause: error });
  }
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
