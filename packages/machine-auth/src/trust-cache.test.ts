import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTrustCache } from "./trust-cache.js";

let parent: string;
let folder: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "trust-cache-"));
  folder = join(parent, "a", "b");
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const source = "https://tokens.example.com/";
const open = (from = source) => openTrustCache(folder, from);
const kept = { document: Buffer.from("a document\nof any bytes \0\xff", "latin1"), fetchedAt: 1_780_315_200_123 };
const file = () => join(folder, readdirSync(folder).find((name) => name.startsWith("trust-")) ?? "none");
const isRoot = userInfo().uid === 0;

describe("the trust cache", () => {
  it("gives back what was written, also to the next process", async () => {
    await open().write(kept);
    expect(await open().read()).toEqual(kept);
    const newer = { document: Buffer.from("newer"), fetchedAt: 5 };
    await open().write(newer);
    expect(await open().read()).toEqual(newer);
  });

  it("has nothing at first, and nothing of other sources", async () => {
    expect(await open().read()).toBeUndefined();
    await open().write(kept);
    expect(await open("https://other.example.com/").read()).toBeUndefined();
  });

  it("makes its folder and its files for their owner alone, and leaves nothing else behind", async () => {
    await open().write(kept);
    await open().write(kept);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it.each([0o755, 0o770, 0o701, 0o777])("refuses a folder that others can use, and says what to do: %o", (mode) => {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, mode);
    expect(() => open()).toThrow(`chmod 700 ${folder}`);
  });

  it("refuses what is no folder, and a link to one", () => {
    mkdirSync(join(parent, "real"), { mode: 0o700 });
    mkdirSync(join(parent, "a"));
    symlinkSync(join(parent, "real"), folder);
    expect(() => open()).toThrow("is not a folder");
    rmSync(folder);
    writeFileSync(folder, "");
    expect(() => open()).toThrow(/EEXIST|not a folder/);
  });

  it.runIf(isRoot)("refuses a folder of another user", () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chownSync(folder, 12_345, 12_345);
    expect(() => open()).toThrow("belongs to another user");
  });

  it.runIf(isRoot)("does not believe a file of another user", async () => {
    await open().write(kept);
    chownSync(file(), 12_345, 12_345);
    await expect(open().read()).rejects.toThrow("could be written by others");
  });

  it("does not believe a file that others could write", async () => {
    await open().write(kept);
    chmodSync(file(), 0o620);
    await expect(open().read()).rejects.toThrow("could be written by others");
  });

  it("does not believe a file that is damaged at any place, or cut", async () => {
    await open().write(kept);
    const [path, good] = [file(), readFileSync(file())];
    for (let at = 0; at < good.length; at += 3) {
      const damaged = Buffer.from(good);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      writeFileSync(path, damaged);
      await expect(open().read()).rejects.toThrow("damaged");
      writeFileSync(path, good.subarray(0, at));
      await expect(open().read()).rejects.toThrow("damaged");
    }
  });

  it("does not believe a file of another source under this one's name", async () => {
    const other = openTrustCache(join(parent, "other"), "https://other.example.com/");
    await other.write(kept);
    await open().write(kept);
    const [name = ""] = readdirSync(join(parent, "other"));
    writeFileSync(file(), readFileSync(join(parent, "other", name)));
    await expect(open().read()).rejects.toThrow("of another source");
  });

  it("does not read or write through a link", async () => {
    const victim = join(parent, "victim");
    await open().write(kept);
    const path = file();
    const content = readFileSync(path);
    rmSync(path);
    writeFileSync(victim, content, { mode: 0o600 });
    symlinkSync(victim, path);
    await expect(open().read()).rejects.toThrow();
    await open().write({ document: Buffer.from("new"), fetchedAt: 1 });
    expect(readFileSync(victim)).toEqual(content);
    expect(await open().read()).toMatchObject({ fetchedAt: 1 });
  });

  it("keeps the old file when the new one cannot be written", async () => {
    const cache = open();
    await cache.write(kept);
    const moved = join(parent, "moved");
    rmSync(moved, { force: true });
    mkdirSync(moved);
    const path = file();
    rmSync(path);
    mkdirSync(path);
    await expect(cache.write(kept)).rejects.toThrow();
    expect(readdirSync(folder)).toHaveLength(1);
    expect(existsSync(path)).toBe(true);
  });
});
