import fc from "fast-check";
import { expect, it } from "vitest";
import { type CrlAge, whyOlder } from "./crl-order.js";

const age = (thisUpdateSeconds: number, number?: bigint): CrlAge => ({ thisUpdateSeconds, number });

it.each<[string, CrlAge, CrlAge, number, RegExp | undefined]>([
  ["a later list", age(2, 2n), age(1, 1n), 0, undefined],
  ["a later list that revokes less", age(2, 2n), age(1, 1n), 9, undefined],
  ["a later list with the same number", age(2, 1n), age(1, 1n), 0, undefined],
  ["the same age, and more", age(1, 1n), age(1, 1n), 0, undefined],
  ["the same age, and less", age(1, 1n), age(1, 1n), 2, /revokes 2 certificates less/],
  ["an earlier date", age(1, 3n), age(2, 2n), 0, /thisUpdate is before/],
  ["a lower number", age(3, 1n), age(2, 2n), 0, /number 1 is below 2/],
  ["a lower number of the same date", age(2, 1n), age(2, 2n), 0, /number 1 is below 2/],
  ["a higher number of the same date, and less", age(2, 3n), age(2, 2n), 1, undefined],
  ["no numbers, a later date", age(2), age(1), 5, undefined],
  ["no numbers, an earlier date", age(1), age(2), 0, /thisUpdate is before/],
  ["no numbers, the same date, and less", age(1), age(1), 1, /revokes 1 certificates less/],
  ["a number that the CA did not write before", age(2, 1n), age(1), 0, undefined],
  ["no number any more", age(2), age(1, 7n), 3, undefined],
  ["no number any more, the same date, and less", age(1), age(1, 7n), 1, /revokes 1 certificates less/],
  ["a number all of a sudden, the same date, and less", age(1, 7n), age(1), 1, /revokes 1 certificates less/],
])("%s", (_what, next, current, dropped, reason) => {
  if (reason) expect(whyOlder(next, current, dropped)).toMatch(reason);
  else expect(whyOlder(next, current, dropped)).toBeUndefined();
});

it("never lets two lists take turns, of which each lacks what the other revokes", () => {
  const anyAge = fc.record({
    thisUpdateSeconds: fc.integer({ min: 0, max: 3 }),
    number: fc.bigInt({ min: 0n, max: 3n }),
  });
  const property = fc.property(anyAge, anyAge, (one, other) => {
    const [there, back] = [whyOlder(one, other, 1), whyOlder(other, one, 1)];
    expect(there === undefined && back === undefined).toBe(false);
  });
  fc.assert(property);
});
