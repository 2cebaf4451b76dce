import { deepEqual, equal } from "node:assert/strict";
import type { StorageCase } from "./storage-case.js";

const seen = (id: string, untilSeconds = 100) => ({ id, untilSeconds });

export const seenCases: readonly StorageCase[] = [
  {
    name: "seen requests: are new once, whoever else comes with them",
    run: async ({ seen: store }) => {
      deepEqual(await store.add([seen("b"), seen("a")]), new Set(["a", "b"]));
      deepEqual(await store.add([seen("c"), seen("a", 200), seen("d")]), new Set(["c", "d"]));
      deepEqual(await store.add([seen("a")]), new Set());
      equal(await store.count(), 4);
    },
  },
  {
    name: "seen requests: of many who bring the same one at once, one is told that it is new",
    run: async ({ seen: store }) => {
      const others = Array.from({ length: 12 }, (_, index) => seen(`other-${index}`));
      const answers = await Promise.all(
        others.map((other, index) => store.add(index % 2 === 0 ? [other, seen("same")] : [seen("same"), other])),
      );
      equal(answers.filter((fresh) => fresh.has("same")).length, 1);
      equal(await store.count(), 13);
    },
  },
  {
    name: "seen requests: are forgotten in bites once their time is over",
    run: async ({ seen: store }) => {
      await store.add([seen("a", 10), seen("b", 11), seen("c", 12), seen("d", 13)]);
      equal(await store.removeOver(10, 10), 0);
      equal(await store.removeOver(13, 2), 2);
      equal(await store.removeOver(13, 2), 1);
      equal(await store.removeOver(13, 2), 0);
      deepEqual(await store.add([seen("d"), seen("a")]), new Set(["a"]));
    },
  },
];
