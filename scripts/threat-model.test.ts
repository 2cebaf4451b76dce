import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(`${root}/${path}`, "utf8");
const document = read("docs/threat-model.md");

/** A test that the document names: an item `` - `path` › name ``. */
const named = [...document.matchAll(/^- `([\w./-]+\.test\.ts)` › (.+)$/gm)].map(([, path = "", name = ""]) => ({
  path,
  name: name.replaceAll(/\\([*_])/g, "$1"),
}));

const tests = new Set(
  execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { cwd: root, encoding: "utf8" }).split("\n"),
);

/** What stands under each numbered heading of a part. */
function sectionsOf(part: string): [number: string, text: string][] {
  const [, text = ""] = document.split(`\n## ${part}\n`);
  const [, ...sections] = (text.split("\n## ")[0] ?? "").split("\n### ");
  return sections.map((section) => [section.split(".")[0] ?? "", section]);
}

describe("the threat model", () => {
  it.each([
    ["Attacks", 36],
    ["Promises", 6],
  ])("has a section for each of the %s, once, with a test in it", (part, last) => {
    const sections = sectionsOf(part);
    expect(sections.map(([number]) => number)).toEqual(Array.from({ length: last }, (_, at) => String(at + 1)));
    expect(sections.filter(([, text]) => !text.includes(".test.ts` › ")).map(([number]) => number)).toEqual([]);
  });

  it.each(named)("$path has the test $name", ({ path, name }) => {
    expect(tests.has(path)).toBe(true);
    const source = read(path);
    const words = ["`", '"', "'"].map((quote) => `${quote}${name}${quote}`);
    expect(words.some((text) => source.includes(text))).toBe(true);
  });
});
