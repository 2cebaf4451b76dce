import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RETIRED_PUBLISHED_MS, type RingKey, readKeyRing } from "./key-ring.js";
import { planRotation, PROPAGATION_MS, type RotationCause, type RotationPolicy, signsFrom } from "./plan-rotation.js";

const T0 = Date.parse("2026-06-01T12:00:00Z");
const MINUTE = 60_000;
const DAY = 86_400_000;
const policy: RotationPolicy = { leadMs: 10 * MINUTE, signsForMs: 30 * DAY };

/** Keeps keys as storage does, and takes the steps that are planned. */
class World {
  keys: RingKey[] = [];
  readonly policy: RotationPolicy;

  constructor(policy: RotationPolicy) {
    this.policy = policy;
  }

  step(nowMs: number, cause: RotationCause = "age"): string {
    const step = planRotation(this.keys, this.policy, cause, nowMs);
    if (step.step === "add") {
      const { generation, leadMs } = step;
      const signsFromMs = signsFrom(generation, leadMs, nowMs);
      this.keys.push({ keyId: `k${generation}`, generation, createdAtMs: nowMs, signsFromMs });
    }
    if (step.step === "advance") this.change(step.keyId, { signsFromMs: step.signsFromMs });
    return step.step;
  }

  change(keyId: string | undefined, changes: Partial<RingKey>): void {
    this.keys = this.keys.map((key) => (key.keyId === keyId ? { ...key, ...changes } : key));
  }

  ring(nowMs: number) {
    return readKeyRing(this.keys, nowMs);
  }
}

describe("planRotation", () => {
  it("makes the first key, which signs at once, and then leaves it alone", () => {
    const world = new World(policy);
    expect(world.step(T0)).toBe("add");
    expect(world.ring(T0).active?.keyId).toBe("k1");
    expect(world.step(T0)).toBe("nothing");
    expect(world.step(T0 + 30 * DAY - 10 * MINUTE - 1)).toBe("nothing");
  });

  it("makes the next key early enough for the active one to sign exactly its time", () => {
    const world = new World(policy);
    world.step(T0);
    const made = T0 + 30 * DAY - 10 * MINUTE;
    expect(world.step(made)).toBe("add");
    expect(world.step(made + 1)).toBe("nothing");
    expect(world.ring(T0 + 30 * DAY - 1).active?.keyId).toBe("k1");
    expect(world.ring(T0 + 30 * DAY).active?.keyId).toBe("k2");
  });

  it("replaces a key by age only where there is an age", () => {
    const world = new World({ ...policy, signsForMs: undefined });
    world.step(T0);
    expect(world.step(T0 + 9999 * DAY)).toBe("nothing");
    expect(world.step(T0 + 9999 * DAY, "request")).toBe("add");
  });

  it("makes the next key on request, published for the lead; asking again changes nothing", () => {
    const world = new World(policy);
    world.step(T0);
    expect(world.step(T0 + MINUTE, "request")).toBe("add");
    expect(world.step(T0 + 2 * MINUTE, "request")).toBe("nothing");
    expect(world.ring(T0 + 11 * MINUTE - 1)).toMatchObject({ active: { keyId: "k1" }, next: { keyId: "k2" } });
    expect(world.ring(T0 + 11 * MINUTE)).toMatchObject({ active: { keyId: "k2" }, next: undefined });
    expect(world.step(T0 + 11 * MINUTE, "request")).toBe("add");
  });

  it("replaces a tainted key as soon as verifiers can know the new one", () => {
    const world = new World(policy);
    world.step(T0);
    world.change("k1", { taintedAtMs: T0 + MINUTE });
    expect(world.step(T0 + MINUTE)).toBe("add");
    expect(world.ring(T0 + MINUTE + PROPAGATION_MS - 1).active).toBeUndefined();
    expect(world.ring(T0 + MINUTE + PROPAGATION_MS).active?.keyId).toBe("k2");
  });

  it("waits no longer for that than the lead", () => {
    const world = new World({ ...policy, leadMs: 1000 });
    world.step(T0);
    world.change("k1", { taintedAtMs: T0 });
    world.step(T0);
    expect(world.ring(T0 + 1000).active?.keyId).toBe("k2");
  });

  it("brings the next key forward when the active one is tainted", () => {
    const world = new World(policy);
    world.step(T0);
    world.step(T0, "request");
    world.change("k1", { taintedAtMs: T0 + 5000 });
    expect(world.step(T0 + 5000)).toBe("advance");
    expect(world.step(T0 + 5000)).toBe("nothing");
    expect(world.ring(T0 + PROPAGATION_MS - 1).active).toBeUndefined();
    expect(world.ring(T0 + PROPAGATION_MS).active?.keyId).toBe("k2");
  });

  it("lets a next key that was published long enough sign at once", () => {
    const world = new World(policy);
    world.step(T0);
    world.step(T0, "request");
    world.change("k1", { taintedAtMs: T0 + MINUTE });
    world.step(T0 + MINUTE);
    expect(world.ring(T0 + MINUTE).active?.keyId).toBe("k2");
  });
});

describe("months of rotations and taints", () => {
  /** Verifiers fetch every 30 s; replicas read storage every 5 s: what a verifier knows is at most this old. */
  const VERIFIER_LAG_MS = 34_999;
  const TOKEN_MS = 3_600_000;

  const acts = fc.array(
    fc.record({
      afterMs: fc.integer({ min: 0, max: 20 * DAY }),
      act: fc.constantFrom("rotate", "taint active", "taint next", "wait"),
    }),
    { maxLength: 12 },
  );

  it("never signs with a key that a verifier cannot know, that was tainted, or that goes before its token", () => {
    fc.assert(
      fc.property(acts, (plan) => {
        const world = new World(policy);
        let now = T0;
        world.step(now);
        for (const { afterMs, act } of plan) {
          for (const until = now + afterMs; now < until; now = Math.min(until, now + 6 * 3_600_000)) world.step(now);
          const { active, next } = world.ring(now);
          if (act === "taint active") world.change(active?.keyId, { taintedAtMs: now });
          if (act === "taint next") world.change(next?.keyId, { taintedAtMs: now });
          world.step(now, act === "rotate" ? "request" : "age");
          for (const later of [0, 1, PROPAGATION_MS, 10 * MINUTE, 11 * MINUTE]) inspect(world, now + later);
        }
      }),
      { numRuns: 300 },
    );
  });

  function inspect(world: World, now: number): void {
    const { active, published } = world.ring(now);
    if (!active) return expect(world.keys.some(({ taintedAtMs }) => taintedAtMs !== undefined)).toBe(true);
    expect(active.taintedAtMs).toBeUndefined();
    expect(published).toContain(active);
    if (active.generation > 1) expect(active.createdAtMs).toBeLessThanOrEqual(now - VERIFIER_LAG_MS);
    for (const later of [TOKEN_MS, DAY, RETIRED_PUBLISHED_MS]) {
      expect(world.ring(now + later).published.map(({ keyId }) => keyId)).toContain(active.keyId);
    }
  }
});
