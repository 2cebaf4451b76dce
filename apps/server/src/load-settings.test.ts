import { describe, expect, it } from "vitest";
import { UsageError } from "./exit-code.js";
import { loadSettings } from "./load-settings.js";

const numbers = { "max-calls": "3", "max-waiting-calls": "7" };

describe("loadSettings", () => {
  it("has no rates unless they are given", () => {
    expect(loadSettings(numbers)).toEqual({ calls: { maxRunning: 3, maxWaiting: 7 } });
  });

  it("reads rates", () => {
    const rates = { "rate-limit-address": "600/1m", "rate-limit-certificate": "1/10s" };
    expect(loadSettings({ ...numbers, ...rates })).toMatchObject({
      perAddress: { count: 600, perMs: 60_000 },
      perCertificate: { count: 1, perMs: 10_000 },
    });
  });

  it.each(["", "5", "5/", "/1m", "0/1m", "-1/1m", "1.5/1m", "5/1m/2", "5/0s", "5/x"])("refuses %j", (text) => {
    expect(() => loadSettings({ ...numbers, "rate-limit-address": text })).toThrow(UsageError);
  });
});
