import { describe, expect, it } from "vitest";
import { RETIRED_PUBLISHED_MS, type RingKey, readKeyRing } from "./key-ring.js";

const HOUR = 3_600_000;
const T0 = Date.parse("2026-06-01T12:00:00Z");

/** Keys a, b, c …: each is made an hour after the one before, and signs ten minutes later. */
function keysNamed(names: string, changes: Record<string, Partial<RingKey>> = {}): RingKey[] {
  return names.split("").map((keyId, index) => {
    const createdAtMs = T0 + index * HOUR;
    const signsFromMs = index === 0 ? 0 : createdAtMs + 600_000;
    return { keyId, generation: index + 1, createdAtMs, signsFromMs, ...changes[keyId] };
  });
}

/** What a ring says, in one line. */
function tell(keys: readonly RingKey[], nowMs: number): string {
  const { active, next, published, states } = readKeyRing(keys, nowMs);
  const ids = (list: readonly RingKey[]) => list.map(({ keyId }) => keyId).join("");
  const all = keys.map(({ keyId }) => `${keyId}=${states.get(keyId)}`).join(" ");
  return `${all} signs:${active?.keyId ?? "-"} next:${next?.keyId ?? "-"} published:${ids(published)}`;
}

describe("readKeyRing", () => {
  it("is empty without keys", () => {
    expect(tell([], T0)).toBe(" signs:- next:- published:");
  });

  it("lets the first key sign at once, also by a clock that is behind", () => {
    const line = "a=active signs:a next:- published:a";
    expect(tell(keysNamed("a"), T0)).toBe(line);
    expect(tell(keysNamed("a"), T0 - HOUR)).toBe(line);
  });

  it("walks through a whole rotation to the millisecond", () => {
    const keys = keysNamed("ab");
    const signs = T0 + HOUR + 600_000;
    const before = "a=active b=next signs:a next:b published:ba";
    const after = "a=retired b=active signs:b next:- published:ba";
    expect(tell(keys, T0 + HOUR)).toBe(before);
    expect(tell(keys, signs - 1)).toBe(before);
    expect(tell(keys, signs)).toBe(after);
    expect(tell(keys, signs + RETIRED_PUBLISHED_MS)).toBe(after);
    expect(tell(keys, signs + RETIRED_PUBLISHED_MS + 1)).toBe("a=expired b=active signs:b next:- published:b");
  });

  it("counts a key's retirement from its own successor, not from later ones", () => {
    const keys = keysNamed("abc");
    const [signsB, signsC] = [T0 + HOUR + 600_000, T0 + 2 * HOUR + 600_000];
    expect(tell(keys, signsC)).toBe("a=retired b=retired c=active signs:c next:- published:cba");
    expect(tell(keys, signsB + RETIRED_PUBLISHED_MS + 1)).toBe(
      "a=expired b=retired c=active signs:c next:- published:cb",
    );
    expect(tell(keys, signsC + RETIRED_PUBLISHED_MS + 1)).toBe(
      "a=expired b=expired c=active signs:c next:- published:c",
    );
  });

  it("gives up private keys a quarter of an hour after their successor began, tainted ones at once", () => {
    const keys = keysNamed("abc", { a: { taintedAtMs: T0 } });
    const spentAt = (nowMs: number) => readKeyRing(keys, nowMs).spent.map(({ keyId }) => keyId);
    const signsC = T0 + 2 * HOUR + 600_000;
    expect(spentAt(T0)).toEqual(["a"]);
    expect(spentAt(signsC + 900_000)).toEqual(["a"]);
    expect(spentAt(signsC + 900_001)).toEqual(["b", "a"]);
  });

  it("does not depend on the order in which the keys come", () => {
    const keys = keysNamed("abc");
    const now = T0 + 2 * HOUR;
    expect(tell(keys.toReversed(), now).split(" signs:")[1]).toBe(tell(keys, now).split(" signs:")[1]);
  });

  it("keeps signing with the active key when the next one is tainted before its time", () => {
    const keys = keysNamed("ab", { b: { taintedAtMs: T0 + HOUR + 1000 } });
    const line = "a=active b=tainted signs:a next:- published:a";
    expect(tell(keys, T0 + HOUR + 2000)).toBe(line);
    expect(tell(keys, T0 + 9 * HOUR)).toBe(line);
  });

  it("signs with nothing when the active key is tainted, and never with a retired one again", () => {
    const keys = keysNamed("ab", { b: { taintedAtMs: T0 + 2 * HOUR } });
    expect(tell(keys, T0 + 2 * HOUR)).toBe("a=retired b=tainted signs:- next:- published:a");
  });

  it("lets the successor of a tainted key sign when its time comes", () => {
    const keys = keysNamed("abc", { b: { taintedAtMs: T0 + 2 * HOUR } });
    expect(tell(keys, T0 + 2 * HOUR)).toBe("a=retired b=tainted c=next signs:- next:c published:ca");
    expect(tell(keys, T0 + 2 * HOUR + 600_000)).toBe("a=retired b=tainted c=active signs:c next:- published:ca");
  });

  it("stops publishing a retired key that is tainted, and nothing else", () => {
    const keys = keysNamed("ab", { a: { taintedAtMs: T0 + 2 * HOUR } });
    expect(tell(keys, T0 + 2 * HOUR)).toBe("a=tainted b=active signs:b next:- published:b");
  });
});
