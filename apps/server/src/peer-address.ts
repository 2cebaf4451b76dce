import { BlockList, isIP } from "node:net";
import { UsageError } from "./exit-code.js";

/**
 * Whose address a request comes from. X-Forwarded-For is believed from the right, as long as whoever wrote an entry is a
 * trusted proxy: what stands left of the first stranger is what the stranger wishes us to think.
 */
export function peerAddress(socketAddress: string, forwardedFor: string, trustedProxies: BlockList): string {
  let address = plain(socketAddress);
  // Most calls: nobody claims to have forwarded anything, and to ask about networks is dear.
  if (forwardedFor === "") return address;
  const entries = forwardedFor.split(",");
  while (isTrusted(address, trustedProxies)) {
    const next = plain(withoutPort(entries.pop()?.trim() ?? ""));
    if (isIP(next) === 0) return address;
    address = next;
  }
  return address;
}

function isTrusted(address: string, trustedProxies: BlockList): boolean {
  const version = isIP(address);
  return version !== 0 && trustedProxies.check(address, version === 4 ? "ipv4" : "ipv6");
}

/** An IPv4 address that a socket of both versions shows as an IPv6 one. */
function plain(address: string): string {
  if (!address.startsWith("::")) return address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/** Some proxies write the port too. */
function withoutPort(entry: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(entry)?.[1] ?? /^([\d.]+):\d+$/.exec(entry)?.[1] ?? entry;
}

/** Reads networks like `10.0.0.0/8` or `fd00::/8`, or single addresses. Throws a UsageError. */
export function parseNetworks(texts: readonly string[], setting: string): BlockList {
  const networks = new BlockList();
  for (const text of texts) {
    const [address = "", prefix, ...more] = text.split("/");
    const version = isIP(address);
    const longest = version === 4 ? 32 : 128;
    const length = prefix === undefined ? longest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (version === 0 || !(length <= longest) || more.length > 0) {
      throw new UsageError(`${setting} must be a network like 10.0.0.0/8 or fd00::/8, and not ${JSON.stringify(text)}`);
    }
    networks.addSubnet(address, length, version === 4 ? "ipv4" : "ipv6");
  }
  return networks;
}
