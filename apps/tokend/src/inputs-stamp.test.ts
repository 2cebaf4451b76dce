import { chmodSync, copyFileSync, mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inputsStamp } from "./inputs-stamp.js";

let folder: string;
let inputs: { key: string; certificateFile: string; backend: string; audience: string[] };
const LATER = Date.now() + 3_600_000;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stamp-"));
  inputs = {
    key: join(folder, "key.pem"),
    certificateFile: join(folder, "cert.pem"),
    backend: "b",
    audience: [] as string[],
  };
  writeFileSync(inputs.key, "key", { mode: 0o600 });
  writeFileSync(inputs.certificateFile, "cert");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The clock of the file system has ticked since the last change. */
const tick = () => new Promise((resolve) => setTimeout(resolve, 20));

describe("inputsStamp", () => {
  it("is the same as long as nobody touches the files", () => {
    const stamp = inputsStamp(inputs, LATER);
    expect(stamp).toMatch(/^b \d+:\d+:3:\d+:\d+ \d+:\d+:4:\d+:\d+$/);
    expect(inputsStamp(inputs, LATER + 1)).toBe(stamp);
    expect(inputsStamp({ ...inputs, backend: "c" }, LATER)).not.toBe(stamp);
    expect(inputsStamp({ ...inputs, audience: ["service:a"] }, LATER)).not.toBe(stamp);
  });

  it.each<[string, () => void]>([
    ["other bytes of the same length", () => writeFileSync(inputs.key, "kez")],
    [
      "other bytes with the old times",
      () => {
        const { atime, mtime } = statSync(inputs.certificateFile);
        writeFileSync(inputs.certificateFile, "certificate");
        utimesSync(inputs.certificateFile, atime, mtime);
      },
    ],
    [
      "a copy in the file's place",
      () => (copyFileSync(inputs.key, `${inputs.key}.new`), renameSync(`${inputs.key}.new`, inputs.key)),
    ],
    ["another mode", () => chmodSync(inputs.key, 0o640)],
  ])("changes with %s", async (_, change) => {
    const stamp = inputsStamp(inputs, LATER);
    await tick();
    change();
    expect(inputsStamp(inputs, LATER)).not.toBe(stamp);
  });

  it("is not given while another change might have the same time", () => {
    expect(inputsStamp(inputs, statSync(inputs.certificateFile).ctimeMs)).toBeUndefined();
  });

  it("is given for files alone, and for keys that not everybody can read", () => {
    expect(inputsStamp({ ...inputs, key: "-" }, LATER)).toBeUndefined();
    expect(inputsStamp({ ...inputs, key: "env:KEY" }, LATER)).toBeUndefined();
    chmodSync(inputs.key, 0o644);
    expect(inputsStamp(inputs, LATER)).toBeUndefined();
    chmodSync(inputs.key, 0o600);
    rmSync(inputs.certificateFile);
    expect(inputsStamp(inputs, LATER)).toBeUndefined();
  });
});
