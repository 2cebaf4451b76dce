import { describe, expect, it } from "vitest";
import { decideRefresh, nextUpdateSeconds, type RefreshInputs } from "./decide-refresh.js";

const file = { luci_machine_token: "t", next_update: 2000, expiry: 3000 };
const inputs: RefreshInputs = { file, storedDigest: "d", digest: "d", forceRefresh: false, nowMs: 1_000_000 };

describe("decideRefresh", () => {
  it.each<[string, Partial<RefreshInputs>, string | undefined]>([
    ["a good token is kept", {}, undefined],
    ["up to its next update", { nowMs: 2_000_000 }, undefined],
    ["after its next update", { nowMs: 2_000_001 }, "TOKEN_EXPIRES"],
    ["after its end, though the next update is ahead", { file: { ...file, expiry: 900 } }, "TOKEN_EXPIRES"],
    ["at its end", { file: { ...file, expiry: 1000 } }, "TOKEN_EXPIRES"],
    ["without an end", { file: { luci_machine_token: "t", next_update: 2000 } }, "TOKEN_EXPIRES"],
    ["no file", { file: {} }, "NEW_TOKEN"],
    ["a file without a token", { file: { next_update: 2000, expiry: 3000 } }, "NEW_TOKEN"],
    ["other inputs", { digest: "e" }, "PARAMS_CHANGE"],
    ["inputs that were not noted", { storedDigest: undefined }, "PARAMS_CHANGE"],
    ["on demand", { forceRefresh: true }, "FORCE_REFRESH"],
    ["the first reason counts", { forceRefresh: true, digest: "e", nowMs: 2_000_001 }, "TOKEN_EXPIRES"],
    ["the first reason counts, again", { forceRefresh: true, digest: "e" }, "PARAMS_CHANGE"],
  ])("%s", (_name, changes, reason) => {
    expect(decideRefresh({ ...inputs, ...changes })).toBe(reason);
  });
});

describe("nextUpdateSeconds", () => {
  it.each([
    ["half of what is left", 1000 + 3600, 1000 + 1800],
    ["a short life counts as five minutes", 1000 + 60, 1000 + 150],
    ["a life that is over too", 0, 1000 + 150],
    ["a life of ages ends with Go's durations", 253_402_300_799, 4_611_687_018],
  ])("%s", (_name, expiry, expected) => {
    expect(nextUpdateSeconds(expiry, 1_000_000)).toBe(expected);
  });
});
