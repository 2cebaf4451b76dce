import { describe, expect, it } from "vitest";
import { isProjectName, parseRealmName } from "./realm-name.js";

describe("isProjectName", () => {
  it.each(["a", "my-project_1", "@internal", "p".repeat(100)])("takes %s", (name) => {
    expect(isProjectName(name)).toBe(true);
  });

  it.each(["", "A", "a b", "a.b", "a:b", "@root", "@internal ", "a\n", "p".repeat(101)])("refuses %j", (name) => {
    expect(isProjectName(name)).toBe(false);
  });
});

describe("parseRealmName", () => {
  it.each([
    ["p:r", "p", "r"],
    ["p:builders/ci_1.x", "p", "builders/ci_1.x"],
    ["p:@root", "p", "@root"],
    ["p:@legacy", "p", "@legacy"],
    ["p:@project", "p", "@project"],
    ["@internal:r", "@internal", "r"],
    [`p:${"r".repeat(400)}`, "p", "r".repeat(400)],
  ])("reads %s", (text, project, realm) => {
    expect(parseRealmName(text)).toEqual({ project, realm });
  });

  it.each(["", "p", "p:", ":r", "P:r", "p:R", "p:r:s", "p:@other", "@root:r", "p: r", "p:r\n", `p:${"r".repeat(401)}`])(
    "refuses %j",
    (text) => {
      expect(parseRealmName(text)).toBeUndefined();
    },
  );
});
