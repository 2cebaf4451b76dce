import { describe, expect, it } from "vitest";
import { UsageError } from "./exit-code.js";
import { parseNetworks, peerAddress } from "./peer-address.js";

const proxies = parseNetworks(["10.0.0.0/8", "fd00::/8", "192.0.2.7"], "trusted-proxy");

describe("peerAddress", () => {
  it.each([
    ["nobody is asked without a proxy", "203.0.113.9", "", "203.0.113.9"],
    ["a stranger's word counts nothing", "203.0.113.9", "1.2.3.4", "203.0.113.9"],
    ["a proxy is believed", "10.1.1.1", "203.0.113.9", "203.0.113.9"],
    ["a single address is a network too", "192.0.2.7", "203.0.113.9", "203.0.113.9"],
    ["and its neighbour is none", "192.0.2.8", "203.0.113.9", "192.0.2.8"],
    ["what a client wrote in front does not count", "10.1.1.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"],
    ["proxies behind proxies are followed", "10.1.1.1", "1.2.3.4, 203.0.113.9, 10.2.2.2, fd00::1", "203.0.113.9"],
    ["only proxies: the first of them", "10.1.1.1", "10.3.3.3,10.2.2.2", "10.3.3.3"],
    ["a proxy that says nothing is the peer", "10.1.1.1", "", "10.1.1.1"],
    ["nonsense ends the search", "10.1.1.1", "203.0.113.9, unknown", "10.1.1.1"],
    ["nonsense behind a proxy too", "10.1.1.1", "203.0.113.9, a b, 10.2.2.2", "10.2.2.2"],
    ["ports are left out", "10.1.1.1", "203.0.113.9:4711", "203.0.113.9"],
    ["and brackets", "10.1.1.1", "[2001:db8::1]:4711", "2001:db8::1"],
    ["IPv4 within IPv6 is IPv4", "::ffff:10.1.1.1", "::ffff:203.0.113.9", "203.0.113.9"],
    ["a Unix socket has no address, and is no proxy", "", "203.0.113.9", ""],
  ])("%s", (_, socket, header, address) => {
    expect(peerAddress(socket, header, proxies)).toBe(address);
  });

  it("believes nobody by default", () => {
    expect(peerAddress("10.1.1.1", "203.0.113.9", parseNetworks([], "trusted-proxy"))).toBe("10.1.1.1");
  });
});

describe("parseNetworks", () => {
  it.each(["", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.0/-1", "proxy", "*"])(
    "refuses %j",
    (text) => {
      expect(() => parseNetworks([text], "trusted-proxy")).toThrow(UsageError);
    },
  );
});
