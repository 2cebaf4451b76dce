import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hasText, isPermissionError, writeAtomically } from "./atomic-write.js";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "atomic-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const options = { signal: new AbortController().signal, warn: () => undefined };

describe("writeAtomically", () => {
  it("writes for the owner alone, whatever was there, and leaves nothing else", async () => {
    const path = join(folder, "file");
    writeFileSync(path, "old", { mode: 0o666 });
    await writeAtomically(path, "new", options);
    expect(readFileSync(path, "utf8")).toBe("new");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  it("replaces a symbolic link and leaves its target alone", async () => {
    const [path, target] = [join(folder, "file"), join(folder, "target")];
    writeFileSync(target, "precious");
    symlinkSync(target, path);
    await writeAtomically(path, "new", options);
    expect(readFileSync(target, "utf8")).toBe("precious");
    expect(lstatSync(path).isSymbolicLink()).toBe(false);
  });

  it("leaves nothing behind when it fails", async () => {
    const path = join(folder, "busy");
    mkdirSync(path);
    writeFileSync(join(path, "inside"), "");
    await expect(writeAtomically(path, "new", options)).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(["busy"]);
  });

  it("fails where there is no folder", async () => {
    await expect(writeAtomically(join(folder, "none", "file"), "new", options)).rejects.toMatchObject({
      code: "ENOENT",
    });
  });

  it("shows readers the old text or the new one, never a part", async () => {
    const path = join(folder, "file");
    const texts = ["a", "b"].map((letter) => letter.repeat(200_000));
    await writeAtomically(path, texts[0] ?? "", options);
    const writing = (async () => {
      for (let i = 0; i < 40; i++) await writeAtomically(path, texts[i % 2] ?? "", options);
    })();
    let reads = 0;
    let over = false;
    void writing.then(() => (over = true));
    while (!over) {
      expect(texts).toContain(readFileSync(path, "utf8"));
      reads++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(reads).toBeGreaterThan(10);
  });
});

it("hasText compares the whole text", async () => {
  const path = join(folder, "file");
  writeFileSync(path, "text");
  expect([await hasText(path, "text"), await hasText(path, "tex"), await hasText(`${path}-none`, "")]).toEqual([
    true,
    false,
    false,
  ]);
});

it("isPermissionError knows the two codes", () => {
  const coded = (code: string) => Object.assign(new Error(code), { code });
  expect([coded("EACCES"), coded("EPERM"), coded("ENOENT"), "EPERM"].map(isPermissionError)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
