import { describe, expect, it } from "vitest";
import { UsageError } from "./exit-code.js";
import { oidcIssuers } from "./oidc-settings.js";
import { readSettings } from "./settings.js";

const settingsOf = (issuers: string[], audiences: string[], domains: string[] = []) =>
  readSettings(
    { config: "c", data: "d", "oidc-issuer": issuers, "oidc-audience": audiences, "oidc-domains": domains },
    {},
    undefined,
  );

describe("oidcIssuers", () => {
  it("puts together what stands at the same place", () => {
    expect(oidcIssuers(settingsOf([], []))).toEqual([]);
    expect(oidcIssuers(settingsOf(["https://a"], ["x"]))).toEqual([
      { issuer: "https://a", audience: "x", domains: undefined },
    ]);
    const two = settingsOf(["https://a", "https://b"], ["x", "y"], ["example.com", "example.org,example.net"]);
    expect(oidcIssuers(two)).toEqual([
      { issuer: "https://a", audience: "x", domains: ["example.com"] },
      { issuer: "https://b", audience: "y", domains: ["example.org", "example.net"] },
    ]);
  });

  it.each([
    ["an issuer without an audience", ["https://a"], [], [], /each oidc-issuer needs one oidc-audience/],
    ["an audience without an issuer", [], ["x"], [], /each oidc-issuer needs one oidc-audience/],
    ["two issuers without domains", ["https://a", "https://b"], ["x", "y"], [], /needs domains/],
    ["domains for one of two issuers", ["https://a", "https://b"], ["x", "y"], ["a.b"], /must be for all 2 issuers/],
    ["domains without an issuer", [], [], ["a.b"], /must be for all 0 issuers/],
    ["an issuer that anybody could be", ["http://a"], ["x"], [], /https URL/],
    ["a domain in upper case", ["https://a"], ["x"], ["A.b"], /"A\.b" is not a domain/],
    ["an empty domain", ["https://a"], ["x"], ["a.b,"], /"" is not a domain/],
  ])("refuses %s", (_, issuers, audiences, domains, message) => {
    const read = () => oidcIssuers(settingsOf(issuers, audiences, domains));
    expect(read).toThrow(UsageError);
    expect(read).toThrow(message);
  });
});
