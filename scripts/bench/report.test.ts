import { expect, it } from "vitest";
// @ts-expect-error -- a script without types
import { explanations, headroom, inOrder, markdownTable, plots } from "./report.mjs";

const row = {
  id: "M1",
  name: "mints <b>",
  value: 10,
  unit: "mints/s",
  base: 5,
  ratio: 2,
  goal: 1,
  stretch: 3,
  met: true,
};
const cost = { ...row, id: "H1", name: "a call", unit: "µs", value: 30, base: 20, ratio: 1.5, goal: 1.8 };
const alone = {
  ...row,
  id: "V7.1",
  name: "garbage",
  unit: "B",
  value: 2000,
  base: null,
  ratio: null,
  goal: 1000,
  met: false,
};

it("knows of what more is better and of what less", () => {
  expect([row, cost, alone].map((each) => headroom(each))).toEqual([2, expect.closeTo(1.2), 0.5]);
});

it("puts rows in the order of their numbers", () => {
  const ids = ["V10", "A1.2", "V7.2", "A1.1"].map((id) => ({ ...row, id }));
  expect(inOrder(ids).map(({ id }: { id: string }) => id)).toEqual(["A1.1", "A1.2", "V7.2", "V10"]);
});

it("writes a table that says what is not met, and plots that any reader of SVG takes", () => {
  expect(markdownTable([row, cost, alone]).split("\n").slice(2)).toEqual([
    "| M1 | mints <b> | 10 mints/s | 2 | ≥ 1 | 3 | yes |",
    "| H1 | a call | 30 µs | 1.5 | ≤ 1.8 | 3 | yes |",
    "| V7.1 | garbage | 2,000 B |  | ≤ 1000 | 3 | **no** |",
  ]);
  const files = plots([row, cost, alone]);
  expect(Object.keys(files)).toEqual(["gates.svg", "mints.svg"]);
  expect(files["mints.svg"]).toContain("mints &lt;b>");
  expect(files["gates.svg"]).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"[\s\S]*<\/svg>\n$/);
});

it("says why a row stays behind its gate or its stretch goal, and of no other", () => {
  const row = { id: "H1", name: "a", unit: "µs", value: 30, base: 15, ratio: 2, goal: 1.8, stretch: 1.45, met: false };
  const good = { ...row, id: "H2", unit: "calls/s", ratio: 8, goal: 5, stretch: 7, met: true };
  expect(explanations([row, good])).toMatch(/^\*\*H1\*\*: [^*]+\.$/);
  expect(explanations([{ ...row, ratio: 1.5, met: true }])).toMatch(/^\*\*H1\*\*/);
  expect(explanations([{ ...row, ratio: 1.4, met: true }, good, { ...good, id: "S9", ratio: 1, met: false }])).toBe("");
});
