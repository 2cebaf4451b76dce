import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { writeAtomically, type WriteOptions } from "./atomic-write.js";

let folder: string;
let path: string;
let warnings: string[];
let options: WriteOptions;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "atomic-"));
  path = join(folder, "file");
  warnings = [];
  options = {
    mode: 0o600,
    followLinks: false,
    strictPermissions: false,
    signal: new AbortController().signal,
    warn: (message) => warnings.push(message),
  };
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("writeAtomically", () => {
  it("writes for the owner alone, whatever was there, and leaves nothing else", async () => {
    writeFileSync(path, "old", { mode: 0o666 });
    expect(await writeAtomically(path, "new", options)).toBe("replaced");
    expect([readFileSync(path, "utf8"), statSync(path).mode & 0o777]).toEqual(["new", 0o600]);
    expect(readdirSync(folder)).toEqual(["file"]);
    expect(warnings).toEqual([]);
  });

  it.each([0o000, 0o077])("gives the mode and the group that it is told, with umask %i", async (mask) => {
    const before = process.umask(mask);
    try {
      await writeAtomically(path, "new", { ...options, mode: 0o644, gid: process.getgid?.() });
    } finally {
      process.umask(before);
    }
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(statSync(path).gid).toBe(process.getgid?.());
  });

  it("does not touch a file that has this text and mode already", async () => {
    await writeAtomically(path, "text", options);
    const { ino } = statSync(path);
    expect(await writeAtomically(path, "text", options)).toBe("same");
    expect(statSync(path).ino).toBe(ino);
    chmodSync(path, 0o644);
    expect(await writeAtomically(path, "text", options)).toBe("replaced");
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("lets the caller decline when it sees what is there", async () => {
    writeFileSync(path, "old");
    const seen: string[] = [];
    const decline = (present: string) => seen.push(present) === 0;
    expect(await writeAtomically(path, "new", options, decline)).toBe("kept");
    expect([seen, readFileSync(path, "utf8"), readdirSync(folder)]).toEqual([["old"], "old", ["file"]]);
  });

  it("replaces a symbolic link and leaves its target alone, unless it is told to follow", async () => {
    const target = join(folder, "target");
    writeFileSync(target, "precious");
    symlinkSync(target, path);
    await writeAtomically(path, "new", options);
    expect([readFileSync(target, "utf8"), lstatSync(path).isSymbolicLink()]).toEqual(["precious", false]);
    rmSync(path);
    symlinkSync(target, path);
    await writeAtomically(path, "new", { ...options, followLinks: true });
    expect([readFileSync(target, "utf8"), lstatSync(path).isSymbolicLink()]).toEqual(["new", true]);
  });

  it("leaves nothing behind when it fails, and says where", async () => {
    mkdirSync(path);
    writeFileSync(join(path, "inside"), "");
    await expect(writeAtomically(path, "new", options)).rejects.toThrow(`${folder}/file`);
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  it("fails where there is no folder", async () => {
    const nowhere = writeAtomically(join(folder, "none", "file"), "new", options);
    await expect(nowhere).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("warns of a folder in which others can replace the file, or fails when it is told to", async () => {
    chmodSync(folder, 0o777);
    await writeAtomically(path, "new", options);
    expect(warnings).toEqual([expect.stringContaining("chmod go-w")]);
    const strict = writeAtomically(path, "newer", { ...options, strictPermissions: true });
    await expect(strict).rejects.toMatchObject({ code: "EPERM" });
    chmodSync(folder, 0o1777);
    await writeAtomically(path, "newest", { ...options, strictPermissions: true });
  });

  it("removes what killed writers left behind, and nothing else", async () => {
    const gone = ["file.99999999_0123456789abcdef.tmp", "file.99999999_1_1764000000.tmp"];
    const old = `file.${process.ppid}_0123456789abcdef.tmp`;
    const others = [
      "other.99999999_0123456789abcdef.tmp",
      "file.x.tmp",
      `file.${process.ppid}_ff.tmp`,
      "file.1_a.tmp.b",
    ];
    for (const name of [...gone, old, ...others]) writeFileSync(join(folder, name), "");
    utimesSync(join(folder, old), 1, 1);
    await writeAtomically(path, "new", options);
    expect(readdirSync(folder).toSorted()).toEqual(["file", ...others].toSorted());
  });

  it("shows readers the old text or the new one, never a part", async () => {
    const texts = ["a", "b"].map((letter) => letter.repeat(200_000));
    await writeAtomically(path, texts[0] ?? "", options);
    let over = false;
    const writing = (async () => {
      for (let i = 1; i < 40; i++) await writeAtomically(path, texts[i % 2] ?? "", options);
      over = true;
    })();
    while (!over) {
      expect(texts).toContain(readFileSync(path, "utf8"));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writing;
  });
});

describe("a file that somebody holds (Windows)", () => {
  const refuse = (message: string, code: string) => {
    throw Object.assign(new Error(message), { code });
  };
  const held = () => refuse("held", "EPERM");

  it("is replaced as soon as it is free", async () => {
    let tries = 0;
    const rename = vi.fn((from: string, to: string) => (++tries < 3 ? held() : renameSync(from, to)));
    await writeAtomically(path, "new", { ...options, rename });
    expect([tries, warnings.length, readFileSync(path, "utf8")]).toEqual([3, 2, "new"]);
  });

  it("is given up when the run is interrupted", async () => {
    const rename = vi.fn(held);
    const write = writeAtomically(path, "new", { ...options, rename, signal: AbortSignal.abort() });
    await expect(write).rejects.toMatchObject({ code: "EPERM" });
    expect(rename).toHaveBeenCalledTimes(1);
    expect(existsSync(path)).toBe(false);
  });

  it("is not waited for when something else is wrong", async () => {
    const rename = vi.fn(() => refuse("full", "ENOSPC"));
    await expect(writeAtomically(path, "new", { ...options, rename })).rejects.toMatchObject({ code: "ENOSPC" });
    expect([rename.mock.calls.length, readdirSync(folder)]).toEqual([1, []]);
  });
});
