/** The part of a trust URL that a document's path goes behind. */
export type TrustServerUrl = (path: string) => URL;

/**
 * Reads the base URL of a token server. Whoever can answer for it decides who is trusted: it is https, or http to a
 * loopback address (127.0.0.1, [::1]), or any if a pinned CA vouches for the answers. Throws a TypeError for any other.
 */
export function trustServerUrl(server: string, vouched: "by a pinned CA" | "by its address"): TrustServerUrl {
  const fail = (reason: string) =>
    new TypeError(`the trust URL ${reason}; use https://HOST, or http://127.0.0.1:PORT, or pin a CA`);
  if (!URL.canParse(server)) throw fail(`${JSON.stringify(server)} is not a URL`);
  const url = new URL(server);
  if (url.username !== "" || url.password !== "") throw fail("must not hold a password");
  if (url.search !== "" || url.hash !== "") throw fail("must not have a query or a fragment");
  const isHttp = url.protocol === "http:";
  // The parser has written every form of an IPv4 address in this one, and takes no name that ends in a number for a name.
  const isLoopback = url.hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(url.hostname);
  if (url.protocol !== "https:" && !(isHttp && (isLoopback || vouched === "by a pinned CA"))) {
    throw fail(`${JSON.stringify(url.origin)} is not https, nor http to a loopback address`);
  }
  const base = url.pathname.replace(/\/+$/, "");
  return (path) => new URL(`${base}${path}`, url);
}
