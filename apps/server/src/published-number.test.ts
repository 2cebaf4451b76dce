import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UsageError } from "./exit-code.js";
import { PUBLISHED_NUMBER_FILE, publishedNumberIn } from "./published-number.js";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "published-number-"))));
afterEach(() => rmSync(folder, { recursive: true }));

describe("publishedNumberIn", () => {
  it("remembers the last number, in one file for its owner alone", async () => {
    const published = publishedNumberIn(folder);
    expect(await published.read()).toBeUndefined();
    await published.write(1_780_000_000_000);
    await published.write(1_780_000_000_001);
    expect(await publishedNumberIn(folder).read()).toBe(1_780_000_000_001);
    expect(readdirSync(folder)).toEqual([PUBLISHED_NUMBER_FILE]);
    expect(statSync(join(folder, PUBLISHED_NUMBER_FILE)).mode & 0o777).toBe(0o600);
  });

  it.each(["", "12", "-1\n", "1e9\n", "99999999999999999999\n"])("refuses to guess what %j means", async (text) => {
    writeFileSync(join(folder, PUBLISHED_NUMBER_FILE), text);
    await expect(publishedNumberIn(folder).read()).rejects.toThrow(UsageError);
  });

  it("rejects when it cannot write, and leaves nothing behind", async () => {
    const published = publishedNumberIn(join(folder, "gone"));
    await expect(published.write(1)).rejects.toThrow("ENOENT");
    expect(readdirSync(folder)).toEqual([]);
  });
});
