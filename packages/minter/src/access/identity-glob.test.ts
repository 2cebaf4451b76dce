import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { globDoubt, globProblem, matchesGlob } from "./identity-glob.js";

describe("globProblem", () => {
  it.each(["bot:*.example.com", "user:*@example.com", "user:*", "service:Files-*", "project:a*b*c"])(
    "finds nothing wrong with %s",
    (glob) => {
      expect(globProblem(glob)).toBeUndefined();
    },
  );

  it.each([
    ["*", "is not a pattern"],
    ["*:a", "is not a pattern"],
    ["group:*", "is not a pattern"],
    ["anonymous:*", "is not a pattern"],
    ["__proto__:*", "is not a pattern"],
    ["bot:*.Example.com", "lower case"],
    ["user:*@ex ample.com", "lower case"],
    ["bot:", "lower case"],
    ["bot:h\u00f3st*", "lower case"],
    ["bot:host *", "lower case"],
    ["bot:* host", "lower case"],
    ["project:Lab*", "lower case"],
    ["project:lab*:ci", "lower case"],
    ["service:\u00e4*", "ASCII"],
    ["service:a*\u00e4", "ASCII"],
    ["user:\u00e4*@example.com", "lower case"],
    ["user:a*@example.com\u00e4", "lower case"],
    ["bot:host.example.com", "under members"],
    ["bot:**", "one is enough"],
  ])("refuses %s", (glob, message) => {
    expect(globProblem(glob)).toContain(message);
  });
});

describe("globDoubt", () => {
  it("warns of a domain without a separator in front of it", () => {
    expect(globDoubt("bot:*example.com")).toContain('"bot:*.example.com"');
    expect(globDoubt("user:*example.com")).toContain('"user:*@example.com"');
  });

  it.each([
    "bot:*.example.com",
    "user:*@example.com",
    "bot:host-*",
    "user:*",
    "project:*-prod",
    // Something may follow the domain, or it is none.
    "bot:*example.com*",
    "bot:*example.com-*-2",
    "bot:*a..b",
  ])("finds nothing doubtful in %s", (glob) => {
    expect(globDoubt(glob)).toBeUndefined();
  });
});

describe("matchesGlob", () => {
  it.each([
    ["bot:a.example.com", "bot:*.example.com", true],
    ["bot:a.b.example.com", "bot:*.example.com", true],
    ["bot:.example.com", "bot:*.example.com", true],
    ["bot:example.com", "bot:*.example.com", false],
    ["bot:evilexample.com", "bot:*.example.com", false],
    ["bot:a.example.com.evil.org", "bot:*.example.com", false],
    ["user:a@example.com", "bot:*", false],
    ["user:a@example.com", "user:*", true],
    ["project:aba", "project:a*ba", true],
    ["project:aba", "project:ab*ba", false],
    ["project:a-x-b-x-c", "project:a*x*c", true],
  ])("%s fits %s: %s", (identity, glob, fits) => {
    expect(matchesGlob(identity, glob)).toBe(fits);
  });

  it("agrees with a regular expression", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", ".", "*"), maxLength: 6 });
    fc.assert(
      fc.property(letters, pattern, (value, glob) => {
        const expression = new RegExp(`^${glob.replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
        expect(matchesGlob(`bot:${value}`, `bot:${glob}`)).toBe(expression.test(value));
      }),
      { numRuns: 2000 },
    );
  });

  it("does not hang on a pattern made to hang a regular expression", () => {
    expect(matchesGlob(`bot:${"a".repeat(100_000)}b`, `bot:${"*a".repeat(500)}`)).toBe(false);
  });
});
