import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UsageError } from "./exit-code.js";
import { readGroupsFile } from "./groups-file.js";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "groups-"))));
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string) {
  const path = join(folder, "groups.json");
  writeFileSync(path, text);
  return readGroupsFile(path);
}

describe("readGroupsFile", () => {
  it("tells who is in which group", () => {
    const isIn = read(
      '{"backends": ["user:a@example.com", "bot:Host.example.com"], "empty": [], "__proto__": ["user:b@b.b"]}',
    );
    expect(isIn("user:a@example.com", "backends")).toBe(true);
    expect(isIn("user:A@Example.com", "backends")).toBe(true);
    expect(isIn("bot:Host.example.com", "backends")).toBe(true);
    expect(isIn("bot:host.example.com", "backends")).toBe(false);
    expect(isIn("user:a@example.com", "empty")).toBe(false);
    expect(isIn("user:a@example.com", "others")).toBe(false);
    expect(isIn("user:a@example.com", "toString")).toBe(false);
  });

  it.each([
    ["no JSON", "{", "cannot read"],
    ["a list", "[]", "not a JSON object"],
    ["null", "null", "not a JSON object"],
    ["a group that is no list", '{"g": "user:a@example.com"}', 'group "g" is not a list'],
    ["a member that is no text", '{"g": [1]}', 'group "g" is not a list'],
  ])("refuses %s and says what is wrong", (_name, text, words) => {
    expect(() => read(text)).toThrow(words);
    expect(() => read(text)).toThrow(UsageError);
  });

  it("refuses a file that is not there", () => {
    expect(() => readGroupsFile("/does/not/exist")).toThrow("cannot read --groups /does/not/exist");
  });
});
