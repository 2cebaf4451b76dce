import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UsageError } from "./exit-code.js";
import { readGroupsFile } from "./groups-file.js";
import { readSettings } from "./settings.js";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "attacks-"))));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(text: string): string {
  const path = join(folder, "file");
  writeFileSync(path, text);
  return path;
}

describe("attack 34: prototype pollution", () => {
  it.each([
    "__proto__: {listen: 0.0.0.0:1}",
    "constructor: {prototype: {listen: 0.0.0.0:1}}",
    "listen: 127.0.0.1:1\nlisten: 0.0.0.0:1",
    "[listen]",
    "app-id: 1e400",
  ])("a settings file with %j is refused, and sets nothing", (text) => {
    const flags = { config: "c", data: "d" };
    expect(() => readSettings(flags, {}, fileOf(text))).toThrow(UsageError);
    expect(Reflect.get({}, "listen")).toBeUndefined();
  });

  it("a file of groups names groups, whatever they are called, and changes nothing else", () => {
    const groups = readGroupsFile(fileOf('{"__proto__": ["user:a@example.com"], "g": []}'));
    expect(groups("user:a@example.com", "__proto__")).toBe(true);
    expect(groups("user:a@example.com", "g")).toBe(false);
    for (const name of ["constructor", "toString", "hasOwnProperty"]) {
      expect(groups("user:a@example.com", name)).toBe(false);
    }
    expect(() => readGroupsFile(fileOf('\ufeff{"g": []}'))).toThrow(UsageError);
  });
});
