import { type KeyRing, readKeyRing, type RingKey } from "./key-ring.js";

/** How keys follow each other. */
export interface RotationPolicy {
  /** How long a key is published before it signs, in milliseconds: longer than any verifier keeps what it fetched. */
  readonly leadMs: number;
  /** How long a key signs, in milliseconds; undefined for keys that only an operator replaces. */
  readonly signsForMs: number | undefined;
}

/** What has to be done so that a purpose has the keys that it should have. */
export type RotationStep =
  | { readonly step: "add"; readonly generation: number; readonly leadMs: number }
  | { readonly step: "advance"; readonly keyId: string; readonly signsFromMs: number }
  | { readonly step: "nothing" };

/** Why rotation is looked at: because time goes by, or because an operator asks for a new key. */
export type RotationCause = "age" | "request";

/**
 * How long our verifiers need to hear of a key: they fetch every 30 s, from a replica that reads storage every 5 s. A key
 * that replaces a tainted one waits no longer than that.
 */
export const PROPAGATION_MS = 35_000;

const NOTHING: RotationStep = { step: "nothing" };

/** The next step of a purpose. A rotation that is under way is not begun again. */
export function planRotation(
  keys: readonly RingKey[],
  policy: RotationPolicy,
  cause: RotationCause,
  nowMs: number,
): RotationStep {
  const generation = 1 + Math.max(0, ...keys.map((key) => key.generation));
  // Verifiers that know no key at all fetch before they judge: the first key need not wait.
  if (generation === 1) return { step: "add", generation, leadMs: 0 };
  const ring = readKeyRing(keys, nowMs);
  const urgentMs = Math.min(policy.leadMs, PROPAGATION_MS);
  if (ring.next) return ring.active ? NOTHING : hurry(ring.next, urgentMs, nowMs);
  if (!ring.active) return { step: "add", generation, leadMs: urgentMs };
  const isDue = cause === "request" || nowMs >= successorIsDueAt(ring, policy);
  return isDue ? { step: "add", generation, leadMs: policy.leadMs } : NOTHING;
}

/** From when on a key signs that is published now. The first one's time has always come, by whatever clock. */
export function signsFrom(generation: number, leadMs: number, nowMs: number): number {
  return generation === 1 ? 0 : nowMs + leadMs;
}

/** Nothing signs: the next key begins as soon as verifiers can know it. */
function hurry(next: RingKey, urgentMs: number, nowMs: number): RotationStep {
  const signsFromMs = Math.max(nowMs, next.createdAtMs + urgentMs);
  return signsFromMs < next.signsFromMs ? { step: "advance", keyId: next.keyId, signsFromMs } : NOTHING;
}

/** When the next key has to be made, so that it can sign when the active one has had its time. */
function successorIsDueAt({ active }: KeyRing, { leadMs, signsForMs }: RotationPolicy): number {
  if (!active || signsForMs === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(active.signsFromMs, active.createdAtMs) + signsForMs - leadMs;
}
