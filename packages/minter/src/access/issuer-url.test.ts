import { expect, it } from "vitest";
import { isSafeIssuerUrl } from "./issuer-url.js";

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
