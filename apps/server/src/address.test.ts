import { describe, expect, it } from "vitest";
import { addressUrl, isLoopback, parseAdminAddress, parseTcpAddress } from "./address.js";
import { UsageError } from "./exit-code.js";

describe("parseTcpAddress", () => {
  it("reads names, IPv4 and IPv6", () => {
    expect(parseTcpAddress("0.0.0.0:8080", "listen")).toEqual({ host: "0.0.0.0", port: 8080 });
    expect(parseTcpAddress("host.example:0", "listen")).toEqual({ host: "host.example", port: 0 });
    expect(parseTcpAddress("[::1]:65535", "listen")).toEqual({ host: "::1", port: 65535 });
  });

  it.each(["", "8080", ":8080", "host", "host:", "host:65536", "::1:80", "[::1]", "host:80:80", "host:8x"])(
    "refuses %j and names the setting",
    (text) => {
      expect(() => parseTcpAddress(text, "listen")).toThrow(UsageError);
      expect(() => parseTcpAddress(text, "listen")).toThrow(/^listen must be HOST:PORT/);
    },
  );
});

describe("parseAdminAddress", () => {
  it("takes a Unix socket and loopback literals", () => {
    expect(parseAdminAddress("unix:/run/a.sock", "admin-listen")).toEqual({ path: "/run/a.sock" });
    expect(parseAdminAddress("127.0.0.1:9", "admin-listen")).toEqual({ host: "127.0.0.1", port: 9 });
    expect(parseAdminAddress("[::1]:9", "admin-listen")).toEqual({ host: "::1", port: 9 });
  });

  it.each(["0.0.0.0:9", "10.0.0.1:9", "localhost:9", "[::]:9", "127.0.0.1.example.com:9", "unix:"])(
    "refuses %s, which others could reach",
    (text) => {
      expect(() => parseAdminAddress(text, "admin-listen")).toThrow(UsageError);
    },
  );
});

describe("isLoopback", () => {
  it("knows all of 127.0.0.0/8, and nothing that only looks like it", () => {
    expect(["127.0.0.1", "127.9.9.9", "::1"].map(isLoopback)).toEqual([true, true, true]);
    expect(["127.1", "128.0.0.1", "localhost", "127.0.0.1.nip.io", ""].map(isLoopback)).toEqual(Array(5).fill(false));
  });
});

describe("addressUrl", () => {
  it("puts brackets around IPv6", () => {
    expect(addressUrl("http", { host: "127.0.0.1", port: 80 })).toBe("http://127.0.0.1:80");
    expect(addressUrl("https", { host: "::1", port: 80 })).toBe("https://[::1]:80");
  });
});
