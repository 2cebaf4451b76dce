import { describe, expect, it } from "vitest";
import { asciiLowerCase, isCanonicalDomain } from "./domain-name.js";

describe("isCanonicalDomain", () => {
  it.each(["example.com", "a", "a-b_c.1.example.org", "x".repeat(63), `${"a.".repeat(126)}a`])("takes %s", (name) => {
    expect(isCanonicalDomain(name)).toBe(true);
  });

  it.each([
    ["empty", ""],
    ["an upper-case letter", "Example.com"],
    ["a leading dot", ".example.com"],
    ["a trailing dot", "example.com."],
    ["two dots in a row", "a..b"],
    ["a label of 64", `${"x".repeat(64)}.com`],
    ["254 characters", `${"a.".repeat(126)}aa`],
    ["a blank", "a b.com"],
    ["a line feed at the end", "a.com\n"],
    ["a wildcard", "*.example.com"],
    ["a letter outside ASCII", "éa.com"],
    ["the Kelvin sign", "\u212Aa.com"],
    ["a NUL", "a\0.com"],
    ["an at sign", "user@a.com"],
    ["a slash", "a/b.com"],
  ])("refuses %s", (_, name) => {
    expect(isCanonicalDomain(name)).toBe(false);
  });
});

it("lower-cases ASCII letters and leaves others alone, that look like them in lower case", () => {
  expect(asciiLowerCase("HOST-K\u212A.Example")).toBe("host-k\u212A.example");
});
