import { isIP } from "node:net";

const CERTIFICATES_PATH = "/auth/api/v1/server/certificates";

/**
 * The certificates document of a token server. Whoever can answer for this address decides who is trusted: it is https,
 * or http to a loopback address (127.0.0.1, [::1]). Throws a TypeError for any other.
 */
export function certificatesUrl(server: string): URL {
  const fail = (reason: string) => new TypeError(`the trust URL ${reason}; use https://HOST, or http://127.0.0.1:PORT`);
  if (!URL.canParse(server)) throw fail(`${JSON.stringify(server)} is not a URL`);
  const url = new URL(server);
  if (url.username !== "" || url.password !== "") throw fail("must not hold a password");
  if (url.search !== "" || url.hash !== "") throw fail("must not have a query or a fragment");
  const isLoopback = url.hostname === "[::1]" || (isIP(url.hostname) === 4 && url.hostname.startsWith("127."));
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback)) {
    throw fail(`${JSON.stringify(url.origin)} is not https, nor http to a loopback address`);
  }
  url.pathname = `${url.pathname.replace(/\/+$/, "")}${CERTIFICATES_PATH}`;
  return url;
}
