import { expect, it } from "vitest";
import { trustServerUrl } from "./trust-url.js";

const certificatesUrl = (server: string) =>
  trustServerUrl(server, "by its address")("/auth/api/v1/server/certificates");

it.each([
  ["https://tokens.example.com", "https://tokens.example.com/auth/api/v1/server/certificates"],
  ["https://tokens.example.com:8443/base/", "https://tokens.example.com:8443/base/auth/api/v1/server/certificates"],
  ["http://127.0.0.1:8080", "http://127.0.0.1:8080/auth/api/v1/server/certificates"],
  ["http://127.9.9.9:8080", "http://127.9.9.9:8080/auth/api/v1/server/certificates"],
  ["http://2130706433:8080", "http://127.0.0.1:8080/auth/api/v1/server/certificates"],
  ["http://[::1]:8080/", "http://[::1]:8080/auth/api/v1/server/certificates"],
])("takes %s", (server, url) => {
  expect(certificatesUrl(server).href).toBe(url);
});

it.each([
  "tokens.example.com",
  "http://tokens.example.com",
  "http://127.0.0.1.example.com",
  "http://127.evil.example",
  "http://localhost:80",
  "http://10.0.0.1",
  "http://[::ffff:127.0.0.1]",
  "ftp://127.0.0.1",
  "file:///etc/passwd",
  "https://user:secret@example.com",
  "https://example.com/?a=b",
  "https://example.com/#x",
  "",
])("refuses %j and says what to use", (server) => {
  expect(() => certificatesUrl(server)).toThrow(TypeError);
  expect(() => certificatesUrl(server)).toThrow("use https://HOST, or http://127.0.0.1:PORT");
});

it("does not repeat a password", () => {
  expect(() => certificatesUrl("https://user:secret@example.com")).toThrow(/^(?!.*secret)/);
});

it("takes any http address when a pinned CA vouches for what comes from it, and no other protocol", () => {
  const pinned = (server: string) => trustServerUrl(server, "by a pinned CA")("/trust/v1/bundle").href;
  expect(pinned("http://tokens.example.com:8080/base")).toBe("http://tokens.example.com:8080/base/trust/v1/bundle");
  expect(() => pinned("ftp://tokens.example.com")).toThrow("pin a CA");
  expect(() => pinned("http://user:secret@tokens.example.com")).toThrow("must not hold a password");
});
