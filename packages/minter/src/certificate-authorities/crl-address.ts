import { BlockList, isIP } from "node:net";

/** Hosts whose revocation lists may be fetched from any address, as `host:port`. */
export type CrlHosts = ReadonlySet<string>;

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

/** Whether lists of this URL's host may be fetched from any address. */
export function isAllowedHost(url: URL, hosts: CrlHosts): boolean {
  const port = url.port === "" ? { "http:": "80", "https:": "443" }[url.protocol] : url.port;
  return hosts.has(`${url.hostname}:${port}`);
}

/** Why a list cannot be fetched from there, as far as the URL tells; undefined if it can. */
export function whyNoCrlUrl(text: string, hosts: CrlHosts): string | undefined {
  if (!URL.canParse(text)) return "is no URL";
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") return "is neither http nor https";
  if (url.username !== "" || url.password !== "") return "has a user name or password in it";
  const host = hostOf(url);
  const isPrivate = (isIP(host) !== 0 && !isPublicAddress(host)) || /(^|\.)localhost\.?$/.test(host);
  if (!isPrivate || isAllowedHost(url, hosts)) return undefined;
  return `names a private address; --allow-crl-host ${url.hostname}:${url.port || "PORT"} allows it`;
}
