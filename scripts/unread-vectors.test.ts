import { expect, it } from "vitest";
import { complaints } from "./unread-vectors.mjs";

it("finds what no test reads", () => {
  expect(complaints(["a", "b/c"], ["a"], [])).toEqual(["b/c: no test reads it"]);
  expect(complaints(["a", "b/c"], ["a", "b/c", "b/c"], [])).toEqual([]);
});

it("finds what is listed for nothing", () => {
  expect(complaints(["a", "b"], ["a"], ["b"])).toEqual([]);
  expect(complaints(["a", "b"], ["a", "b"], ["b"])).toEqual([expect.stringMatching(/^b: take it off the list/)]);
  expect(complaints(["a"], ["a"], ["b"])).toEqual([expect.stringMatching(/^b: take it off the list/)]);
});
