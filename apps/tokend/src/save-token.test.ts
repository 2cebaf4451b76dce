import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseTokenFile, serializeTokenFile, type TokenFile } from "@tokens/client/token-file";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { saveToken, type SaveOptions } from "./save-token.js";
import { encodeState } from "./tokend-state.js";

let folder: string;
let options: SaveOptions;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "save-"));
  const signal = new AbortController().signal;
  options = { mode: 0o600, followLinks: false, strictPermissions: false, signal, warn: () => undefined };
});
afterEach(() => rmSync(folder, { recursive: true }));

const place = (name: string) => join(folder, name);
const token = (name: string, expiry: number, inputsDigest = "d"): TokenFile => ({
  luci_machine_token: name,
  expiry,
  tokend_state: encodeState({ inputsDigest }),
});
const put = (name: string, file: TokenFile) => writeFileSync(place(name), serializeTokenFile(file), { mode: 0o600 });
const found = (name: string) => parseTokenFile(readFileSync(place(name), "utf8")).luci_machine_token;

describe("saveToken", () => {
  it("writes every place that has not got the token", async () => {
    put("b", token("one", 100));
    const saved = await saveToken([place("a"), place("b"), place("c")], token("one", 100), options);
    expect(saved).toMatchObject({ token: { luci_machine_token: "one" }, replaced: 2, error: undefined });
    expect(["a", "b", "c"].map(found)).toEqual(["one", "one", "one"]);
  });

  it("keeps a later token that another agent wrote, and copies that one", async () => {
    put("a", token("later", 200));
    const saved = await saveToken([place("a"), place("b")], token("mine", 100), options);
    expect(saved).toMatchObject({ token: { luci_machine_token: "later" }, replaced: 1 });
    expect(["a", "b"].map(found)).toEqual(["later", "later"]);
  });

  it.each<[string, () => void]>([
    ["a token from other inputs", () => put("a", token("other", 200, "e"))],
    ["a token that expires earlier", () => put("a", token("other", 99))],
    ["a file without a token", () => put("a", token("", 200))],
    ["garbage", () => writeFileSync(place("a"), "garbage")],
  ])("replaces %s", async (_, prepare) => {
    prepare();
    await saveToken([place("a")], token("mine", 100), options);
    expect(found("a")).toBe("mine");
  });

  it("replaces the very file that the caller saw, if it wants another token at any rate", async () => {
    put("a", token("later", 200));
    const overrules = readFileSync(place("a"), "utf8");
    put("b", token("latest", 300));
    await saveToken([place("a"), place("b")], token("mine", 100), { ...options, overrules });
    expect(["a", "b"].map(found)).toEqual(["mine", "latest"]);
  });

  it("tries all places and reports the first error", async () => {
    const saved = await saveToken([place("none/a"), place("b"), place("none/c")], token("one", 100), options);
    expect(saved.replaced).toBe(1);
    expect(saved.error).toMatchObject({ code: "ENOENT", message: expect.stringContaining(place("none")) as string });
    expect(found("b")).toBe("one");
  });
});
