import { promises } from "node:fs";
import { TrustUnavailable } from "./errors.js";
import { type RefreshOptions, refreshedTrust } from "./refreshed-trust.js";
import { ServerTrust } from "./server-trust.js";
import { openTrustCache } from "./trust-cache.js";
import { readTrustDocument, trustDemands, type TrustDocumentOptions } from "./trust-document.js";
import type { TrustSource } from "./trust-source.js";
import { trustServerUrl } from "./trust-url.js";

/** How a trust is read and kept fresh. */
export interface TrustOptions extends TrustDocumentOptions, RefreshOptions {}

/** How the trust of a token server is fetched. */
export interface ServerTrustOptions extends TrustOptions {
  /** Folder of this user alone that keeps the last trust, for a start while the server is down. Default: none is kept. */
  readonly cacheFolder?: string;
}

const shared = { clock: performance.now.bind(performance), random: Math.random };

/**
 * The trust of a token server: its trust bundle, or the certificates document of a server that has none; fetched at once
 * and again every 30 s. Throws a TypeError for a URL that is not safe and for a CA that is none, and an Error for a cache
 * folder that others can use.
 */
export function trustFromServer(server: string, options: ServerTrustOptions = {}): TrustSource {
  const url = trustServerUrl(server, options.ca === undefined ? "by its address" : "by a pinned CA");
  const demands = trustDemands(options);
  const { cacheFolder, onTrustRefresh } = options;
  const cache = cacheFolder === undefined ? undefined : openTrustCache(cacheFolder, url("/").href);
  const onCacheFailure = (error: unknown) => {
    if (onTrustRefresh) queueMicrotask(() => onTrustRefresh({ outcome: "failed", from: "cache", error }));
  };
  const source = new ServerTrust({ url, demands, cache, onCacheFailure, clock: Date.now });
  const [load, fetch] = [() => source.load(), () => source.update()];
  return refreshedTrust({ ...options, ...shared, origin: "server", load, fetch });
}

/**
 * The trust in a file that something else keeps fresh: a certificates document or a trust bundle, read again every 30 s.
 * Throws a TypeError for a CA that is none.
 */
export function trustFromFile(path: string, options: TrustOptions = {}, clock: () => number = Date.now): TrustSource {
  const demands = trustDemands(options);
  let newest = 0;
  const fetch = async () => {
    const { trust, opened } = readTrustDocument(await promises.readFile(path), demands(clock()));
    const { number, signedAt } = opened?.bundle ?? { number: 0, signedAt: undefined };
    if (number < newest) throw new TrustUnavailable("BAD_DOCUMENT", `${path} holds an older trust than before`);
    newest = number;
    return { trust, ageMs: signedAt === undefined ? 0 : clock() - signedAt * 1000 };
  };
  return refreshedTrust({ ...options, ...shared, origin: "file", fetch });
}
