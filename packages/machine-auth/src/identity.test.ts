import { expect, it } from "vitest";
import { isIdentity } from "./identity.js";

it.each([
  "anonymous:anonymous",
  "bot:host-1.example.com",
  "bot:a@b",
  "project:my-project_1",
  "service:a.b:c",
  "user:a+b%c@example.com",
])("takes %s", (text) => {
  expect(isIdentity(text)).toBe(true);
});

it.each([
  "",
  ":",
  "bot",
  "bot:",
  "bot:a b",
  "bot:a\n",
  "bot:a/b",
  "BOT:a",
  "robot:a",
  "anonymous:",
  "anonymous:x",
  "project:Upper",
  "user:a",
  "user:@b",
  "user:a@",
  "user:a@b@c",
  "service:a b",
  "bot:h\u00f3st",
  "__proto__:a",
  "constructor:a",
  "toString:x",
])("refuses %j", (text) => {
  expect(isIdentity(text)).toBe(false);
});
