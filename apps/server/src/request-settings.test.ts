import { describe, expect, it } from "vitest";
import { requestSettings } from "./request-settings.js";

const read = (names: string[]) =>
  requestSettings({ "server-name": names, "max-seen-requests": "5" }, () => "https://public");

describe("requestSettings", () => {
  it("takes the names that were given, else the public URL", () => {
    expect([...(read(["a", "b"]).serverNames?.() ?? [])]).toEqual(["a", "b"]);
    expect([...(read([]).serverNames?.() ?? [])]).toEqual(["https://public"]);
  });

  it("reads the size of the memory", () => {
    expect(read([]).seenCapacity).toBe(5);
  });
});
