import { Unavailable } from "@tokens/minter";
import { describe, expect, it } from "vitest";
import { credentialSettings } from "./credential-settings.js";
import { UsageError } from "./exit-code.js";
import { readSettings } from "./settings.js";

const read = (flags: Record<string, string | string[]>, environment = {}, listening?: string) =>
  credentialSettings(readSettings({ config: "c", data: "d", ...flags }, {}, undefined), environment, () => listening);

describe("credentialSettings", () => {
  it("takes where the server listens for its public URL, as soon as that is known", () => {
    expect(read({}, {}, "http://127.0.0.1:8080").publicUrl()).toBe("http://127.0.0.1:8080");
    expect(() => read({}).publicUrl()).toThrow(Unavailable);
  });

  it.each([
    ["https://tokens.example.com", "https://tokens.example.com"],
    ["https://tokens.example.com/", "https://tokens.example.com"],
    ["https://example.com:8443/tokens/", "https://example.com:8443/tokens"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
  ])("takes the public URL %s", (text, issuer) => {
    expect(read({ "public-url": text }, {}, "http://127.0.0.1:1").publicUrl()).toBe(issuer);
  });

  it.each([
    "tokens.example.com",
    "ftp://example.com",
    "https://user@example.com",
    "https://example.com?x",
    "https://example.com/#x",
    "https://EXAMPLE.com",
    "https://example.com:443",
    "https://example.com/a/../b",
    " https://example.com",
  ])("refuses %j as a public URL", (text) => {
    expect(() => read({ "public-url": text })).toThrow(UsageError);
  });

  it("names Google's accounts and credentials", () => {
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: "key.json", GCE_METADATA_HOST: "127.0.0.1:1" };
    const { googleAccounts, accessTokenAudience } = read(
      { "google-accounts": ["*.iam.gserviceaccount.com"], "access-token-audience": "api" },
      environment,
    );
    expect(googleAccounts).toEqual({
      domains: ["*.iam.gserviceaccount.com"],
      identity: { keyFile: "key.json", metadataHost: "127.0.0.1:1" },
      endpoint: undefined,
    });
    expect(accessTokenAudience).toBe("api");
  });

  it.each([
    ["a domain in capitals", { "google-accounts": ["X.com"] }, /"X\.com" is not a domain/],
    ["an API without TLS", { "google-iam-endpoint": "http://example.com" }, /must be an https URL/],
  ])("refuses %s", (_, flags, message) => {
    expect(() => read(flags)).toThrow(message);
  });
});
