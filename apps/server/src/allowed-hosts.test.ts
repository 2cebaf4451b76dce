import { describe, expect, it } from "vitest";
import { allowedHosts } from "./allowed-hosts.js";
import { UsageError } from "./exit-code.js";

describe("allowedHosts", () => {
  it("knows hosts as URLs spell them", () => {
    const given = ["127.0.0.1:8200", "CRL.example.com:80", "[0:0::1]:443", "2130706433:80"];
    const hosts = allowedHosts("allow-crl-host", given);
    expect([...hosts]).toEqual(["127.0.0.1:8200", "crl.example.com:80", "[::1]:443", "127.0.0.1:80"]);
  });

  it.each([
    ["a host without a port", "127.0.0.1"],
    ["a URL for a host", "http://127.0.0.1:80"],
    ["a path", "a/b:80"],
  ])("refuses %s, and names the setting", (_, text) => {
    expect(() => allowedHosts("allow-service-host", [text])).toThrow(UsageError);
    expect(() => allowedHosts("allow-service-host", [text])).toThrow("allow-service-host must be HOST:PORT");
  });
});
