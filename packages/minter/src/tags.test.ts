import { expect, it } from "vitest";
import { tagsProblem } from "./tags.js";

it.each([
  [[]],
  [["k:v"]],
  [[":v", "k:", ":", "k:v:w"]],
  [[`${"k".repeat(128)}:${"v".repeat(1024)}`]],
  [Array.from({ length: 64 }, () => "k:v")],
])("takes %j", (tags) => {
  expect(tagsProblem(tags)).toBeUndefined();
});

it.each([
  [["k"], "tag #1: not in <key>:<value> form"],
  [["k:v", ""], "tag #2: not in <key>:<value> form"],
  [[`${"k".repeat(129)}:v`], "tag #1: the key length must not exceed 128"],
  [[`${"ä".repeat(65)}:v`], "tag #1: the key length must not exceed 128"],
  [[`k:${"v".repeat(1025)}`], "tag #1: the value length must not exceed 1024"],
  [["a", "b"], "tag #1: not in <key>:<value> form; tag #2: not in <key>:<value> form"],
  [Array.from({ length: 65 }, () => "k:v"), "too many tags given (65), expecting up to 64 tags"],
])("refuses %j", (tags, problem) => {
  expect(tagsProblem(tags)).toBe(problem);
});
