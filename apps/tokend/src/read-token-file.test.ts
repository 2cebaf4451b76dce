import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readTokenFile } from "./read-token-file.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "read-"));
  path = join(folder, "token.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

function read() {
  const warnings: string[] = [];
  return { ...readTokenFile(path, (message) => warnings.push(message)), warnings };
}

describe("readTokenFile", () => {
  it("reads a token and keeps its text", () => {
    const text = '{"luci_machine_token": "t", "expiry": "9"}';
    writeFileSync(path, text);
    expect(read()).toEqual({ file: { luci_machine_token: "t", expiry: 9 }, text, warnings: [] });
  });

  it("says nothing of a file that is missing", () => {
    expect(read()).toEqual({ file: {}, warnings: [] });
  });

  it.each([
    ["not JSON", '{"luci_machine_token": "secret"', /it is not JSON/],
    ["another program's", '{"more": "secret"}', /unknown key/],
  ])("warns of a file that is %s, without repeating it", (_, text, warning) => {
    writeFileSync(path, text);
    const { file, warnings } = read();
    expect([file, warnings]).toEqual([{}, [expect.stringMatching(warning)]]);
    expect(warnings.join()).not.toContain("secret");
  });
});
