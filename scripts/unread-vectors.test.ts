import { expect, it } from "vitest";
import { compare } from "./unread-vectors.mjs";

it("finds what no test reads", () => {
  expect(compare(["a", "b/c"], ["a"], [])).toEqual({ unread: ["b/c"], listedInVain: [] });
  expect(compare(["a", "b/c"], ["a", "b/c", "b/c"], [])).toEqual({ unread: [], listedInVain: [] });
  expect(compare(["a", "b/c"], ["a"], ["b/c"])).toEqual({ unread: [], listedInVain: [] });
});

it("finds what is listed in vain", () => {
  expect(compare(["a", "b"], ["a", "b"], ["b"])).toEqual({ unread: [], listedInVain: ["b"] });
  expect(compare(["a"], ["a"], ["b"])).toEqual({ unread: [], listedInVain: ["b"] });
});
