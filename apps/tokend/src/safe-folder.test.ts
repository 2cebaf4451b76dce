import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openFolder } from "./safe-folder.js";

let room: string;
let folder: string;
beforeEach(() => {
  room = mkdtempSync(join(tmpdir(), "folder-"));
  folder = join(room, "folder");
  mkdirSync(folder);
});
afterEach(() => rmSync(room, { recursive: true }));

/** Opens a folder, writes into it, and closes it. */
function writeInto(path: string, follow: "trusted" | "all" = "trusted"): void {
  const opened = openFolder(path, follow);
  writeFileSync(opened.file("file"), "text");
  opened.close();
}

describe("openFolder", () => {
  it("reaches files by absolute and relative paths", () => {
    writeInto(folder);
    expect(existsSync(join(folder, "file"))).toBe(true);
    rmSync(join(folder, "file"));
    writeInto(relative(process.cwd(), `${folder}/../folder/.`));
    expect(existsSync(join(folder, "file"))).toBe(true);
  });

  it("names a folder by what it is, not by its path", () => {
    const [one, other] = [openFolder(folder, "trusted"), openFolder(`${folder}/../folder`, "trusted")];
    expect(one.identity).toBe(other.identity);
    expect(openFolder(room, "trusted").identity).not.toBe(one.identity);
  });

  it.each([
    [0o700, false],
    [0o755, false],
    [0o770, true],
    [0o757, true],
    [0o1777, false],
  ])("knows whether others can replace files where the mode is %i", (mode, isShared) => {
    chmodSync(folder, mode);
    expect(openFolder(folder, "trusted").isShared).toBe(isShared);
  });

  it.each([
    ["a file", () => writeFileSync(join(room, "there"), ""), "ENOTDIR"],
    ["nothing", () => undefined, "ENOENT"],
  ])("fails where there is %s", (_, prepare, code) => {
    prepare();
    expect(() => openFolder(join(room, "there"), "trusted")).toThrow(expect.objectContaining({ code }));
  });
});

describe.skipIf(process.platform !== "linux")("openFolder on Linux", () => {
  it("does not follow a link that others could have put there, unless it is told to", () => {
    symlinkSync(folder, join(room, "link"));
    mkdirSync(join(folder, "below"));
    for (const path of ["link", "link/below"]) {
      expect(() => openFolder(join(room, path), "trusted")).toThrow(/"link" in .* is a symbolic link.*-follow/);
      writeInto(join(room, path), "all");
    }
    expect([existsSync(join(folder, "file")), existsSync(join(folder, "below/file"))]).toEqual([true, true]);
  });

  it("follows links that root alone could have put there", () => {
    // On every Linux /proc/self is one of these, and /var/run on most.
    const opened = openFolder("/proc/self/fd", "trusted");
    opened.close();
    if (!existsSync("/var/run")) return;
    const [run, real] = [openFolder("/var/run", "trusted"), openFolder("/run", "trusted")];
    expect(run.identity).toBe(real.identity);
  });

  it("ends with links that lead to themselves", () => {
    symlinkSync("loop", join(room, "loop"));
    expect(() => openFolder(join(room, "loop"), "all")).toThrow(expect.objectContaining({ code: "ELOOP" }));
  });

  it("stays in the folder that it opened when another takes its place", () => {
    const opened = openFolder(folder, "trusted");
    const victim = join(room, "victim");
    mkdirSync(victim);
    renameSync(folder, join(room, "moved"));
    symlinkSync(victim, folder);
    writeFileSync(opened.file("file"), "text");
    expect([existsSync(join(room, "moved/file")), existsSync(join(victim, "file"))]).toEqual([true, false]);
    opened.close();
  });
});
