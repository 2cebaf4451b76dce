import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { silent } from "../../test/reports.js";
import { followPolicies } from "./follow-policies.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("looks every ten seconds until it is stopped, and goes on after a failure", async () => {
  let looks = 0;
  const warnings: string[] = [];
  const follow = async () => {
    if (++looks === 1) throw new Error("down");
  };
  const log = { ...silent, warn: (_: object, message: string) => void warnings.push(message) };
  const following = followPolicies({ follow }, log);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(looks).toBe(2);
  expect(warnings).toEqual(["cannot look whether another policy is in force"]);
  following.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(looks).toBe(2);
});
