import { chmodSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isFile, isReadableByAll, readSecret } from "./secret-source.js";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "secret-"));
  file = join(folder, "key.pem");
  writeFileSync(file, "secret", { mode: 0o600 });
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("readSecret", () => {
  it("reads a file again each time", async () => {
    expect(String(await readSecret(file))).toBe("secret");
    writeFileSync(file, "other");
    expect(String(await readSecret(file))).toBe("other");
  });

  it("reads a descriptor once, and keeps what it read", async () => {
    const fd = openSync(file, "r");
    expect(String(await readSecret(`fd:${fd}`))).toBe("secret");
    expect(() => fstatSync(fd)).toThrow("EBADF");
    expect(String(await readSecret(`fd:${fd}`))).toBe("secret");
  });

  it("takes a variable out of the environment", async () => {
    const environment: NodeJS.ProcessEnv = { MACHINE_KEY: "secret", OTHER: "x" };
    expect(String(await readSecret("env:MACHINE_KEY", environment))).toBe("secret");
    expect(environment).toEqual({ OTHER: "x" });
    expect(String(await readSecret("env:MACHINE_KEY", environment))).toBe("secret");
  });

  it.each([
    ["a file that is not there", "/does/not/exist", "ENOENT"],
    ["a variable that is not set", "env:NOT_SET", "no variable NOT_SET"],
    ["a descriptor that is not open", "fd:999", "EBADF"],
  ])("rejects for %s", async (_, source, message) => {
    await expect(readSecret(source, {})).rejects.toThrow(message);
  });
});

it("isFile tells paths from the other sources", () => {
  const sources = ["key.pem", "./fd:3", "env:", "fd:x", "-", "fd:3", "env:KEY", "pkcs11:token=t"];
  expect(sources.map(isFile)).toEqual([true, true, true, true, false, false, false, false]);
});

it("isReadableByAll looks at the permissions", () => {
  expect(isReadableByAll(file)).toBe(false);
  rmSync(file);
  writeFileSync(file, "");
  chmodSync(file, 0o644);
  expect(isReadableByAll(file)).toBe(true);
});
