import { describe, expect, it } from "vitest";
import { MintError } from "./errors.js";
import { requireConfidential } from "./token-source.js";

describe("requireConfidential", () => {
  it.each([
    "https://a.example.com/x",
    "https://10.0.0.1",
    "http://127.0.0.1:80",
    "http://127.9.9.9",
    "http://[::1]:1/",
  ])("lets a token go to %s", (url) => expect(() => requireConfidential(new URL(url))).not.toThrow());

  it.each([
    "http://a.example.com",
    "http://localhost:1",
    "http://127.0.0.1.example.com",
    "http://10.0.0.1",
    "http://[::ffff:127.0.0.1]",
    "ftp://127.0.0.1",
    "ws://127.0.0.1",
  ])("does not let a token go to %s", (url) => {
    expect(() => requireConfidential(new URL(url))).toThrow(MintError);
    expect(() => requireConfidential(new URL(url))).toThrow(/no token is sent/);
  });
});
