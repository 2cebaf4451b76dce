import { isIP } from "node:net";

/**
 * Who counts as one sender: an IPv4 address, or the first 64 bits of an IPv6 one. Whoever has one of those networks has all
 * of its addresses (RFC 6177 and RFC 7421, section 1).
 */
export function senderOf(address: string): string {
  if (!address.includes(":") || isIP(address) !== 6) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  // What the two colons stand for are zeros; groups that follow them within the first four have their place at the end.
  const after = tail ? tail.split(":") : [];
  const width = after.length + (tail?.includes(".") ? 1 : 0);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - width);
  const all = [...groups, ...Array.from({ length: zeros }, () => "0"), ...after];
  return `${all.slice(0, 4).map(shortest).join(":")}::/64`;
}

/** A group of hexadecimal digits as short as can be, so that every spelling is the same. */
function shortest(group: string): string {
  return Number.parseInt(group, 16).toString(16);
}
