import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import type { LookupFunction } from "node:net";
import { BlockList, isIP } from "node:net";
import { beforeAbort } from "./before-abort.js";

/** Hosts that may have any address, private ones too, as `host:port`. */
export type AllowedHosts = ReadonlySet<string>;

/** Finds the addresses of a host. */
export type ResolveName = (host: string) => Promise<readonly LookupAddress[]>;

/** Addresses that are not on the public internet, by RFC 6890 and its successors. */
const PRIVATE: readonly [network: string, bits: number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
];

/** Of IPv6 only global unicast is public, without what embeds other addresses or is for documentation. */
const GLOBAL_UNICAST: readonly [string, number] = ["2000::", 3];
const NOT_GLOBAL: readonly [string, number][] = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
];

const private4 = new BlockList();
for (const [network, bits] of PRIVATE) private4.addSubnet(network, bits, "ipv4");
const global6 = new BlockList();
global6.addSubnet(...GLOBAL_UNICAST, "ipv6");
const notGlobal6 = new BlockList();
for (const [network, bits] of NOT_GLOBAL) notGlobal6.addSubnet(network, bits, "ipv6");

/** Whether an IP address is one of the public internet. What is no address is not. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !private4.check(address, "ipv4");
  return version === 6 && global6.check(address, "ipv6") && !notGlobal6.check(address, "ipv6");
}

/** The host of a URL, without the brackets of an IPv6 address. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** Whether this URL's host may have any address. */
export function isAllowedHost(url: URL, hosts: AllowedHosts): boolean {
  const port = url.port === "" ? { "http:": "80", "https:": "443" }[url.protocol] : url.port;
  return hosts.has(`${url.hostname}:${port}`);
}

/** As the system resolves names. */
export const resolveName: ResolveName = (host) => lookup(host, { all: true, verbatim: true });

/**
 * The addresses of a URL's host, looked up once; undefined if one of them is not public and the host is not allowed to
 * have such. Whoever connects by `lookupOf` connects to these, whatever the name means a moment later. Rejects when the
 * name cannot be looked up before the signal aborts.
 */
export async function guardedAddresses(
  url: URL,
  hosts: AllowedHosts,
  signal: AbortSignal,
  resolve: ResolveName = resolveName,
): Promise<readonly LookupAddress[] | undefined> {
  const addresses = await beforeAbort(signal, resolve(hostOf(url)));
  const isGood = addresses.every(({ address }) => isPublicAddress(address)) || isAllowedHost(url, hosts);
  return isGood ? addresses : undefined;
}

/** A look-up for Node's sockets that always finds these addresses. */
export function lookupOf(addresses: readonly LookupAddress[]): LookupFunction {
  const [first] = addresses;
  return (_host, options, done) => {
    if (options.all) done(null, [...addresses]);
    else done(null, first?.address ?? "", first?.family ?? 4);
  };
}
