import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parsePrintFlags, printToken, printUsage } from "./print-token.js";

let folder: string;
let tokenFile: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "print-"));
  tokenFile = join(folder, "token.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

function print(isJson = false) {
  let [printed, complaint] = ["", ""];
  const output = { out: (text: string) => (printed += text), complain: (message: string) => (complaint += message) };
  const code = printToken({ tokenFile, isJson }, output, 1_000_000);
  return { code, printed, complaint };
}

describe("printToken", () => {
  it("prints a token that can be used, and nothing else", () => {
    writeFileSync(tokenFile, '{"luci_machine_token": "t", "expiry": "2000"}');
    expect(print()).toEqual({ code: 0, printed: "t\n", complaint: "" });
    expect(print(true).printed).toBe('{"token":"t","expiry":"1970-01-01T00:33:20.000Z"}\n');
  });

  it.each([
    ["is missing", undefined, "it holds none"],
    ["has no token", "{}", "it holds none"],
    ["is not JSON", '{"luci_machine_token": "t"', "it is not JSON"],
    ["has a token that is over", '{"luci_machine_token": "t", "expiry": "1000"}', "its token is over"],
  ])("prints nothing when the file %s", (_, text, words) => {
    if (text !== undefined) writeFileSync(tokenFile, text);
    const { code, printed, complaint } = print();
    expect([code, printed]).toEqual([1, ""]);
    expect(complaint).toContain(words);
  });
});

it("parsePrintFlags wants the file", () => {
  expect(parsePrintFlags(["-token-file", "t", "--json"])).toEqual({
    kind: "run",
    flags: { tokenFile: "t", isJson: true },
  });
  expect(parsePrintFlags([])).toEqual({ kind: "wrong", message: "-token-file is required" });
  expect(printUsage()).toContain("-json");
});
