import { expect, it } from "vitest";
import { newReferenceId, timeOfReferenceId } from "./reference-id.js";

it("is another for each refusal, and says when it was made", () => {
  const nowMs = Date.parse("2026-06-01T12:00:00.999Z");
  const ids = Array.from({ length: 100 }, () => newReferenceId(() => nowMs));
  expect(new Set(ids).size).toBe(100);
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(timeOfReferenceId(id)).toBe(Date.parse("2026-06-01T12:00:00Z"));
  }
});

it.each(["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "0123456789abcde%"])("is not %j", (text) => {
  expect(timeOfReferenceId(text)).toBeUndefined();
});
