import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(`${root}/${path}`, "utf8");
const document = read("docs/threat-model.md");

/** A test that the document names: `` `path` › name ``, up to the end of the table's cell or the next one. */
const named = [...document.matchAll(/`([\w./-]+\.test\.ts)` › ([^|<]+?)(?=<br>| \||$)/gm)].map(
  ([, path = "", name = ""]) => ({ path, name: name.replaceAll("\\|", "|").trim() }),
);

const tests = new Set(
  execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { cwd: root, encoding: "utf8" }).split("\n"),
);

/** The rows of the table under a heading, by their first cell. */
function rowsUnder(heading: string): string[] {
  const section = document.split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  return [...section.matchAll(/^\| *(\d+) *\|/gm)].map(([, number = ""]) => number);
}

describe("the threat model", () => {
  it("has a row for each attack and each promise, once", () => {
    const upTo = (last: number) => Array.from({ length: last }, (_, at) => String(at + 1));
    expect(rowsUnder("Attacks")).toEqual(upTo(36));
    expect(rowsUnder("Promises")).toEqual(upTo(6));
  });

  it("names tests in every row, but where it says that something is not built", () => {
    const rows = document.split("\n").filter((line) => /^\| *\d+ *\|/.test(line));
    expect(rows.filter((row) => !row.includes(".test.ts` › ") && !row.includes("not built"))).toEqual([]);
    expect(named.length).toBeGreaterThan(60);
  });

  it.each(named)("$path has the test $name", ({ path, name }) => {
    expect(tests.has(path)).toBe(true);
    const source = read(path).replaceAll("\\u", "\\\\u");
    const words = ["`", '"', "'"].map((quote) => `${quote}${name}${quote}`);
    expect(words.some((text) => source.includes(text))).toBe(true);
  });
});
