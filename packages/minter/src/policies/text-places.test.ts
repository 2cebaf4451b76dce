import { GroupsConfigSchema } from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { findMisfit, offsetOf, placeOf, type WrittenField } from "./text-places.js";

describe("placeOf", () => {
  it.each([
    ["", 0, 1, 1],
    ["ab", 2, 1, 3],
    ["a\nb", 1, 1, 2],
    ["a\nb", 2, 2, 1],
    ["a\r\nb\n\nc", 6, 4, 1],
    ["\n\n", 2, 3, 1],
  ])("counts lines and columns from 1: offset %j[%i]", (text, offset, line, column) => {
    expect(placeOf(text, offset)).toEqual({ line, column });
  });
});

const field = (name: string, offset: number, raw: string, fields?: WrittenField<string>[]) => ({
  name,
  offset,
  raw,
  fields,
});

describe("offsetOf", () => {
  const fields = [field("a", 3, ""), field("b", 5, "", [field("a", 7, ""), field("a", 9, "")]), field("a", 11, "")];

  it.each<[(string | number)[], number]>([
    [[], 0],
    [["a"], 3],
    [["a", 1], 11],
    [["b", 0, "a", 1], 9],
    [["b", "a", 1], 9],
    [["b", "c"], 5],
    [["c", "a"], 0],
    [["a", 2, "a"], 0],
  ])("finds %j at %i", (path, offset) => {
    expect(offsetOf(fields, path)).toBe(offset);
  });
});

describe("findMisfit", () => {
  const readAlone = (_: unknown, { raw }: WrittenField<string>) => {
    if (raw === "bad") throw new Error("cannot decode field x.Y.z from JSON: not good");
  };
  const find = (...fields: WrittenField<string>[]) => {
    const misfit = findMisfit(GroupsConfigSchema, fields, readAlone);
    return misfit && [misfit.offset, misfit.message];
  };

  it("finds nothing where all fits", () => {
    expect(find(field("groups", 0, "", [field("name", 1, ""), field("members", 2, ""), field("members", 3, "")]))).toBe(
      undefined,
    );
  });

  it("finds the first that does not, however deep", () => {
    expect(find(field("colour", 4, ""))).toEqual([4, 'there is no field "colour" here']);
    expect(find(field("groups", 0, "", [field("name", 1, ""), field("name", 2, "")]))).toEqual([
      2,
      "name is there twice",
    ]);
    expect(find(field("groups", 0, "bad", [field("name", 1, "bad")]))).toEqual([1, "name: not good"]);
    expect(find(field("groups", 5, "bad", [field("name", 1, "")]))).toEqual([5, "groups: not good"]);
  });
});
