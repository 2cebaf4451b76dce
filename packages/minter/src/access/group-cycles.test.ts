import { create } from "@bufbuild/protobuf";
import { GroupSchema } from "@tokens/api/config";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findCycles } from "./group-cycles.js";

const names = ["g0", "g1", "g2", "g3", "g4", "g5"];
const graph = (nested: string[][]) =>
  nested.map((list, index) => create(GroupSchema, { name: names[index] ?? "", nested: list }));

/** Pairs of groups of which the first reaches the second, step by step through each group in turn. */
function reachable(nested: string[][]): Set<string> {
  const reaches = new Set(nested.flatMap((list, index) => list.map((other) => `${names[index]} ${other}`)));
  for (const via of names) {
    for (const from of names) {
      for (const to of names) {
        if (reaches.has(`${from} ${via}`) && reaches.has(`${via} ${to}`)) reaches.add(`${from} ${to}`);
      }
    }
  }
  return reaches;
}

describe("findCycles", () => {
  it("finds nothing in a graph without cycles, also where two ways lead to one group", () => {
    expect(findCycles(graph([["g1", "g2"], ["g3"], ["g3"], []]))).toEqual([]);
  });

  it("names the entry that closes a cycle, and the way round", () => {
    const cycle = { group: 2, entry: 1, cycle: ["g1", "g2", "g1"] };
    expect(findCycles(graph([["g1"], ["g2"], ["g3", "g1"], []]))).toEqual([cycle]);
  });

  it("finds each of two cycles, wherever the walk starts", () => {
    expect(findCycles(graph([["g0"], [], ["g3"], ["g2"]])).map(({ group }) => group)).toEqual([0, 3]);
  });

  it("leaves groups that do not exist to others", () => {
    expect(findCycles(graph([["g9"]]))).toEqual([]);
  });

  it("finds a cycle if and only if a group reaches itself, and each that it finds is one", () => {
    const anyGraph = fc.array(fc.uniqueArray(fc.constantFrom(...names), { maxLength: 3 }), {
      minLength: names.length,
      maxLength: names.length,
    });
    fc.assert(
      fc.property(anyGraph, (nested) => {
        const cycles = findCycles(graph(nested));
        const reaches = reachable(nested);
        expect(cycles.length > 0).toBe(names.some((name) => reaches.has(`${name} ${name}`)));
        for (const { cycle } of cycles) {
          expect(cycle[0]).toBe(cycle.at(-1));
          for (const [index, name] of cycle.slice(0, -1).entries()) {
            expect(nested[names.indexOf(name)]).toContain(cycle[index + 1]);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});
