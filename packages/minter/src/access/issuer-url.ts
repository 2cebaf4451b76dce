/**
 * Whether keys may be fetched from a URL: https, or http on 127.0.0.1, where nobody is in between. Credentials, queries
 * and fragments are no part of an issuer's name.
 */
export function isSafeIssuerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(text);
  const isPlain = username === "" && password === "" && search === "" && hash === "" && !/[?#\s]/.test(text);
  return isPlain && (protocol === "https:" || (protocol === "http:" && hostname === "127.0.0.1"));
}
