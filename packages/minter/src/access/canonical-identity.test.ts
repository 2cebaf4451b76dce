import { describe, expect, it } from "vitest";
import { identityProblem } from "./canonical-identity.js";

describe("identityProblem", () => {
  it.each([
    "anonymous:anonymous",
    "user:alice@example.com",
    "user:a.b+c%d@xn--bcher-kva.example",
    "user:robot@localhost",
    "bot:host-1.example.com",
    "bot:host_1",
    "service:Files-2.Example:x",
    "project:my_project-1",
  ])("finds nothing wrong with %s", (identity) => {
    expect(identityProblem(identity)).toBeUndefined();
  });

  it.each([
    ["user:Alice@Example.com", 'write "user:alice@example.com"'],
    ["bot:HOST.example.com", 'write "bot:host.example.com"'],
  ])("says how to write %s", (identity, advice) => {
    expect(identityProblem(identity)).toContain(advice);
  });

  it.each([
    "bot:host.example.com.",
    "bot:.example.com",
    "bot:host..example.com",
    "bot:user@host.example.com",
    `bot:${"a".repeat(64)}`,
    "user:alice@example.com.",
    "user:alice@.example.com",
    "user:alice@example..com",
  ])("refuses %s, which nobody is ever called", (identity) => {
    expect(identityProblem(identity)).toContain("not canonical; nobody");
  });

  it.each([
    "",
    "alice@example.com",
    "group:g",
    "robot:a",
    "*",
    "user:*",
    "bot:*.example.com",
    "bot:h\u00f3st",
    "user:\u0430lice@example.com",
    "bot:host\u212a.example.com",
    "user:a@b\n",
    "bot:a\u0000",
    "project:Upper",
    "USER:a@b",
    "__proto__:a",
  ])("refuses %j, which is no identity", (text) => {
    expect(identityProblem(text)).toContain("is not an identity");
  });
});
