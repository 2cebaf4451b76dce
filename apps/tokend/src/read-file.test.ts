import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { constants } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readRegularFile } from "./read-file.js";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "read-"))));
afterEach(() => rmSync(folder, { recursive: true }));

describe("readRegularFile", () => {
  it("reads text and mode", () => {
    writeFileSync(join(folder, "file"), "text", { mode: 0o640 });
    expect(readRegularFile(join(folder, "file"))).toEqual({ text: "text", mode: 0o640 });
  });

  it("does not wait for a pipe", () => {
    execFileSync("mkfifo", [join(folder, "pipe")]);
    expect(() => readRegularFile(join(folder, "pipe"))).toThrow("is not a file");
  });

  it("follows a link only when it may", () => {
    writeFileSync(join(folder, "file"), "text");
    symlinkSync("file", join(folder, "link"));
    expect(readRegularFile(join(folder, "link")).text).toBe("text");
    expect(() => readRegularFile(join(folder, "link"), constants.O_NOFOLLOW)).toThrow(/ELOOP/);
  });
});
