import { describe, expect, it } from "vitest";
import { isSafeIssuerUrl, oidcIssuersProblem } from "./oidc-issuer.js";

describe("isSafeIssuerUrl", () => {
  it.each(["https://issuer.example.com", "https://issuer.example.com:8443/realms/a/", "http://127.0.0.1:8080"])(
    "takes %s",
    (url) => {
      expect(isSafeIssuerUrl(url)).toBe(true);
    },
  );

  it.each([
    "",
    "issuer.example.com",
    "http://issuer.example.com",
    "http://localhost:8080",
    "http://[::1]:8080",
    "http://127.0.0.1.example.com",
    "http://127.0.0.1@example.com",
    "https://user:secret@issuer.example.com",
    "https://issuer.example.com/?a=b",
    "https://issuer.example.com/?",
    "https://issuer.example.com/#",
    " https://issuer.example.com",
    "file:///etc/passwd",
    "ftp://issuer.example.com",
  ])("refuses %j", (url) => {
    expect(isSafeIssuerUrl(url)).toBe(false);
  });
});

describe("oidcIssuersProblem", () => {
  const entry = (name: string, domains?: string[], audience = "tokens") => ({
    issuer: `https://${name}.example.com`,
    audience,
    domains,
  });

  it.each([
    [[]],
    [[entry("a")]],
    [[entry("a", ["example.com", "example.org"])]],
    [[entry("a"), entry("a", undefined, "other")]],
    [[entry("a", ["example.com"]), entry("b", ["example.org"])]],
  ])("finds nothing wrong with %j", (issuers) => {
    expect(oidcIssuersProblem(issuers)).toBeUndefined();
  });

  it.each([
    [[{ ...entry("a"), issuer: "http://issuer.example.com" }], /https URL/],
    [[entry("a", undefined, "")], /needs an audience/],
    [[entry("a"), entry("b", ["example.org"])], /a\.example\.com" needs domains/],
    [[entry("a", ["example.com"]), entry("b")], /b\.example\.com" needs domains/],
    [[entry("a", ["Example.com"])], /"Example.com" is not a domain/],
    [[entry("a", ["@example.com"])], /is not a domain/],
    [[entry("a", [""])], /is not a domain/],
  ])("refuses %j", (issuers, message) => {
    expect(oidcIssuersProblem(issuers)).toMatch(message);
  });
});
