import { describe, expect, it } from "vitest";
import { type CacheOptions, VerdictCache } from "./verdict-cache.js";

const token = (name: string) => name.padEnd(500, "x") + name.padStart(32, "0");
/** Another token that ends in the same 32 letters. */
const twin = (name: string) => `y${token(name).slice(1)}`;

describe.each<CacheOptions>([{}, { hashTokens: true }])("VerdictCache %o", (options) => {
  it("gives back what was put in, for the whole token only", () => {
    const cache = new VerdictCache<number>(options);
    cache.add(token("a"), 1);
    expect(cache.find(token("a"))).toBe(1);
    expect(cache.find(twin("a"))).toBeUndefined();
    expect(cache.find(token("b"))).toBeUndefined();
    expect(cache.find("")).toBeUndefined();
  });

  it("does not mix up tokens with the same end", () => {
    const cache = new VerdictCache<number>(options);
    cache.add(token("a"), 1);
    cache.add(twin("a"), 2);
    expect(cache.find(twin("a"))).toBe(2);
    expect([undefined, 1]).toContain(cache.find(token("a")));
  });

  it("remembers at least as many as it is told, and at most twice as many", () => {
    for (let count = 100; count < 520; count += 7) {
      const cache = new VerdictCache<number>({ ...options, cacheEntries: 100 });
      const all = Array.from({ length: count }, (_, i) => i);
      for (const i of all) cache.add(token(`${i}`), i);
      // The newest are asked for first: looking at the others makes them the newest.
      const newestFirst = all.toReversed();
      const remembered = newestFirst.filter((i) => cache.find(token(`${i}`)) === i);
      expect(remembered.length).toBeLessThanOrEqual(200);
      expect(remembered.slice(0, 100)).toEqual(newestFirst.slice(0, 100));
    }
  });

  it("remembers two tokens at most when it is told to remember one", () => {
    const cache = new VerdictCache<number>({ ...options, cacheEntries: 1 });
    for (const name of ["a", "b", "c"]) cache.add(token(name), 1);
    expect(["c", "b", "a"].map((name) => cache.find(token(name)))).toEqual([1, 1, undefined]);
  });

  it("keeps what is used while others come and go", () => {
    const cache = new VerdictCache<number>({ ...options, cacheEntries: 10 });
    cache.add(token("used"), 1);
    for (let i = 0; i < 500; i++) {
      cache.add(token(`${i}`), i);
      expect(cache.find(token("used"))).toBe(1);
    }
  });

  it("forgets nothing for tokens that it never was told of: junk cannot flush it", () => {
    const cache = new VerdictCache<number>({ ...options, cacheEntries: 10 });
    for (let i = 0; i < 20; i++) cache.add(token(`${i}`), i);
    for (let i = 0; i < 500; i++) expect(cache.find(token(`junk ${i}`))).toBeUndefined();
    for (let i = 10; i < 20; i++) expect(cache.find(token(`${i}`))).toBe(i);
  });

  it("remembers nothing when it is told so", () => {
    const cache = new VerdictCache<number>({ ...options, cacheEntries: 0 });
    cache.add(token("a"), 1);
    expect(cache.find(token("a"))).toBeUndefined();
  });

  it("replaces what it knew of a token", () => {
    const cache = new VerdictCache<number>(options);
    cache.add(token("a"), 1);
    cache.add(token("a"), 2);
    expect(cache.find(token("a"))).toBe(2);
  });
});
