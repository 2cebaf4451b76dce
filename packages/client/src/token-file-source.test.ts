import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { serializeTokenFile } from "./token-file.js";
import { TokenFileSource } from "./token-file-source.js";

let folder: string;
let path: string;
let nowMs: number;
let source: TokenFileSource;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "source-"));
  path = join(folder, "token.json");
  nowMs = 1_000_000;
  source = new TokenFileSource(path, { clock: () => nowMs, monotonicClock: () => nowMs });
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (token: string, expiry: number) =>
  writeFileSync(path, serializeTokenFile({ luci_machine_token: token, expiry }));

describe("TokenFileSource", () => {
  it("serves what tokend wrote, and what it writes later", async () => {
    write("one", 5000);
    expect(await source.token()).toBe("one");
    write("two", 6000);
    expect(await source.token()).toBe("one");
    nowMs += 1000;
    expect(await source.token()).toBe("two");
  });

  it.each<[string, () => void]>([
    ["missing", () => rmSync(path)],
    ["empty", () => writeFileSync(path, "")],
    ["broken", () => writeFileSync(path, '{"luci_machine_token": "on')],
    ["without a token", () => writeFileSync(path, "{}")],
    ["one with an older token", () => write("older", 900)],
  ])("serves its token while the file is %s", async (_, harm) => {
    write("one", 5000);
    await source.token();
    harm();
    nowMs += 10_000;
    expect(await source.token()).toBe("one");
    write("two", 6000);
    nowMs += 10_000;
    expect(await source.token()).toBe("two");
  });

  it.each<[string, () => void, RegExp]>([
    ["there is no file", () => undefined, /ENOENT.*is tokend running\?/],
    ["the file is empty", () => writeFileSync(path, ""), /it is not JSON/],
    ["the file has no token", () => writeFileSync(path, "{}"), /it holds none/],
    ["its token is over", () => write("one", 1000), /its token is over/],
  ])("rejects when %s", async (_, prepare, message) => {
    prepare();
    await expect(source.token()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(message) as string,
    });
  });

  it("rejects once the token is over, and never repeats what the file says", async () => {
    write("one", 1001);
    expect(await source.token()).toBe("one");
    writeFileSync(path, '{"luci_machine_token": "secret"');
    nowMs += 1000;
    await expect(source.token()).rejects.toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("secret") as string }),
    );
  });

  it("reads once for all who ask at the same time", async () => {
    write("one", 5000);
    expect(await Promise.all([source.token(), source.token()])).toEqual(["one", "one"]);
  });
});
