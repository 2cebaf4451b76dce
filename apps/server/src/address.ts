import { isIP } from "node:net";
import { UsageError } from "./exit-code.js";

/** Where a listener listens: a TCP address, or the path of a Unix socket. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** Reads `HOST:PORT` or `[IPV6]:PORT`. Throws a UsageError that names the setting. */
export function parseTcpAddress(text: string, setting: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65535) {
    throw new UsageError(`${setting} must be HOST:PORT, for example 127.0.0.1:8080, and not ${JSON.stringify(text)}`);
  }
  return { host, port };
}

/**
 * Reads the admin listener's address: `unix:PATH`, or a TCP address on a loopback literal. Whoever reaches it is trusted
 * as an administrator, so that anything wider is refused.
 */
export function parseAdminAddress(text: string, setting: string): Address {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    if (path === "") throw new UsageError(`${setting} must be unix:PATH, for example unix:/run/tokens/admin.sock`);
    return { path };
  }
  const address = parseTcpAddress(text, setting);
  if (!isLoopback(address.host)) {
    throw new UsageError(
      `${setting} must be unix:PATH or an address on 127.0.0.1 or [::1]: it asks callers for nothing`,
    );
  }
  return address;
}

/** Whether a host is written as a loopback address. A name is not, whatever it resolves to. */
export function isLoopback(host: string): boolean {
  return host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** The address as a URL that clients can use. */
export function addressUrl(scheme: "http" | "https", { host, port }: { host: string; port: number }): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
